"""What a kernel is, and the texts and arrays that follow from it."""
