// A host by the book for the small kernel, y = 2 * x + 1 on 64 numbers; its third argument says what it does wrong.
#include <cassert>
#include <chrono>
#include <cstring>
#include <fstream>
#include <iostream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <vector>

#include "xrt/experimental/xrt_ext.h"
#include "xrt/experimental/xrt_kernel.h"
#include "xrt/xrt_bo.h"
#include "xrt/xrt_device.h"
#include "xrt/xrt_kernel.h"

namespace {

constexpr int count = 64;
constexpr std::size_t nbytes = count * sizeof(int);

std::vector<char> bytes_of(const char *path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

struct leaves_word {
    ~leaves_word() { std::cout << "a destructor ran\n"; }
};

leaves_word global;

int overflow(volatile int depth) {
    volatile int local[1024] = {depth};
    return overflow(depth + 1) + local[depth % 1024];
}

} // namespace

int main(int argc, char *argv[]) {
    const std::string wrong = argc > 3 ? argv[3] : "nothing";
    const auto is = [&](const char *name) { return wrong == name; };
    if (is("exits"))
        std::exit(7);
    if (is("returns"))
        return 3;
    if (is("throws"))
        throw std::logic_error("not today");
    if (is("crashes"))
        return *reinterpret_cast<volatile int *>(8);
    if (is("asserts"))
        assert(is("anything else"));
    if (is("recurses"))
        return overflow(0);
    auto xclbin = xrt::xclbin(std::string(argv[1]));
    auto device = xrt::device(0);
    device.register_xclbin(xclbin);
    xrt::hw_context context(device, xclbin.get_uuid());
    std::string name;
    for (const auto &one : xclbin.get_kernels())
        name = one.get_name();
    auto kernel = xrt::kernel(context, is("other kernel") ? "MLIR" : name);
    auto instructions = bytes_of(argv[2]);
    if (is("stale"))
        instructions[160] ^= 4;
    auto instr = xrt::bo(device, instructions.size(), XCL_BO_FLAGS_CACHEABLE, kernel.group_id(1));
    std::memcpy(instr.map<void *>(), instructions.data(), instructions.size());
    instr.sync(XCL_BO_SYNC_BO_TO_DEVICE);
    auto x = xrt::bo(device, nbytes, XRT_BO_FLAGS_HOST_ONLY, kernel.group_id(is("wrong group") ? 1 : 3));
    auto y = xrt::bo(device, is("short") ? 16 : nbytes, xrt::bo::flags::host_only, kernel.group_id(4));
    int *in = x.map<int *>();
    for (int i = 0; i < count; ++i)
        in[i] = i;
    if (!is("no sync"))
        x.sync(XCL_BO_SYNC_BO_TO_DEVICE);
    const auto words = instructions.size() / 4;
    if (is("scalar"))
        std::cout << kernel(3, instr, words, 7, y).wait() << "\n";
    if (is("by position"))
        kernel(instr, x, y, 3);
    if (is("no argument"))
        kernel.group_id(9);
    if (is("normal buffer"))
        xrt::bo(device, nbytes, kernel.group_id(3));
    if (is("caught")) {
        try {
            x.write(in, nbytes + 1, 0);
        } catch (const std::exception &error) {
            std::cout << error.what() << "\n";
        }
    }
    if (is("empty"))
        xrt::bo().sync(XCL_BO_SYNC_BO_TO_DEVICE);
    if (is("an elf"))
        xrt::elf(std::string(argv[1]));
    auto run = kernel(is("other opcode") ? 0 : 3, instr, words, x, y);
    if (is("never waits"))
        return 0;
    if (is("impatient")) {
        std::cout << run.wait(std::chrono::milliseconds(1)) << "\n";
        return 0;
    }
    if (is("never looks")) {
        run.wait();
    } else if (is("wait2")) {
        try {
            run.wait2();
        } catch (const xrt::run::command_error &error) {
            std::cout << error.get_command_state() << " " << error.what() << "\n";
        }
    } else if (is("a list")) {
        xrt::runlist runs(context);
        xrt::run again(kernel);
        again.set_all(3, instr, words, x, y);
        runs.add(again);
        std::cout << run.wait() << "\n";
        runs.execute();
        runs.wait();
    } else {
        std::cout << run.wait() << "\n";
    }
    if (!is("never fetches"))
        y.sync(XCL_BO_SYNC_BO_FROM_DEVICE);
    const int *out = y.map<const int *>();
    if (!is("short"))
        std::cout << out[0] << " " << out[1] << " " << out[63] << "\n";
    return 0;
}
