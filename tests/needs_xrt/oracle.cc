// What XRT makes of an xclbin, one fact a line: its memories, its kernels' arguments, the group id of each, and what
// becomes of a buffer of each bank as each argument. For XRT 2.13, with XCL_EMULATION_MODE=noop, where nothing runs.
#include <cstdio>
#include <exception>
#include <string>

#include <xrt/experimental/xrt_xclbin.h>
#include <xrt/xrt_bo.h>
#include <xrt/xrt_device.h>
#include <xrt/xrt_kernel.h>

namespace {

constexpr int kMostArguments = 32;

void print_memories(const xrt::xclbin &file) {
  for (const auto &memory : file.get_mems())
    std::printf("memory %d %s %llu %llu %d\n", memory.get_index(), memory.get_tag().c_str(),
                static_cast<unsigned long long>(memory.get_size_kb()),
                static_cast<unsigned long long>(memory.get_base_address()), memory.get_used());
}

void print_arguments(const xrt::xclbin &file) {
  for (const auto &kernel : file.get_kernels()) {
    std::printf("kernel %s %zu\n", kernel.get_name().c_str(), kernel.get_num_args());
    for (const auto &argument : kernel.get_args()) {
      std::printf("argument %zu %s %s %llu %llu", argument.get_index(), argument.get_name().c_str(),
                  argument.get_host_type().c_str(), static_cast<unsigned long long>(argument.get_offset()),
                  static_cast<unsigned long long>(argument.get_size()));
      for (const auto &memory : argument.get_mems()) std::printf(" %d", memory.get_index());
      std::printf("\n");
    }
  }
}

// Ends with the text of the first index that is refused, behind the last argument that is connected.
int print_group_ids(const xrt::kernel &kernel) {
  for (int index = 0; index < kMostArguments; ++index) {
    try {
      std::printf("group %d %d\n", index, kernel.group_id(index));
    } catch (const std::exception &error) {
      std::printf("group %d refused: %s\n", index, error.what());
      return index;
    }
  }
  return kMostArguments;
}

// XRT's warning goes to standard error; the line before it there says whose it is.
void bind(xrt::device &device, const xrt::kernel &kernel, int index, int bank) {
  std::fprintf(stderr, "bound %d %d\n", index, bank);
  try {
    xrt::bo buffer{device, 64, xrt::bo::flags::normal, static_cast<xrt::memory_group>(bank)};
    xrt::run{kernel}.set_arg(index, buffer);
  } catch (const std::exception &error) {
    std::fprintf(stderr, "refused: %s\n", error.what());
  }
}

}  // namespace

int main(int argc, char **argv) {
  if (argc != 2) return 2;
  try {
    const xrt::xclbin file{std::string{argv[1]}};
    std::printf("uuid %s\n", file.get_uuid().to_string().c_str());
    print_memories(file);
    print_arguments(file);
    xrt::device device{0};
    const auto uuid = device.load_xclbin(file);
    for (const auto &described : file.get_kernels()) {
      const xrt::kernel kernel{device, uuid, described.get_name()};
      const int arguments = print_group_ids(kernel);
      for (int index = 0; index < arguments; ++index)
        for (const auto &memory : file.get_mems()) bind(device, kernel, index, memory.get_index());
    }
  } catch (const std::exception &error) {
    std::printf("refused: %s\n", error.what());
  }
}
