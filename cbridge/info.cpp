//go:build cgo && libbmq && !bmqfake

#include "bridge.hpp"

#include <bmqscm_version.h>

#include <dlfcn.h>

#include <cstdio>

namespace bridge {

std::atomic<int64_t> sessions(0);
std::atomic<int64_t> queues(0);
std::atomic<int64_t> callbacks(0);
std::atomic<int64_t> allocations(0);

}  // namespace bridge

uint32_t bmqb_abi(void) { return BMQB_ABI; }

int32_t bmqb_describe(char *text, int32_t size)
{
    using namespace bridge;
    // libbmq is linked statically if it is in the same object as this function.
    Dl_info library, self;
    const char *linkage = "static";
    const char *path    = "";
    if (dladdr(reinterpret_cast<const void *>(&bmqscm::Version::s_versionDotString), &library) != 0 &&
        dladdr(reinterpret_cast<void *>(&bmqb_abi), &self) != 0 && library.dli_fbase != self.dli_fbase) {
        linkage = "dynamic: ";
        path    = library.dli_fname;
    }
    int n = std::snprintf(text, size, "%s\n%s%s", bmqscm::Version::s_versionDotString, linkage, path);
    return n < size ? n : size - 1;
}

void bmqb_count(bmqb_counts *counts)
{
    counts->sessions    = bridge::sessions;
    counts->queues      = bridge::queues;
    counts->callbacks   = bridge::callbacks;
    counts->allocations = bridge::allocations;
}
