// Memory that posts stay in until the SDK has no more use for them.
#ifndef BMQ_CBRIDGE_CHUNKS_HPP
#define BMQ_CBRIDGE_CHUNKS_HPP

#include <bsl_memory.h>

#include <atomic>
#include <cstddef>
#include <memory>
#include <mutex>
#include <vector>

namespace bridge {

extern std::atomic<int64_t> allocations;

/// Blocks of memory. Some of those that are about as large as a full event are kept for
/// reuse: the system takes its time for new ones. Smaller ones are no larger than they
/// have to be, since a single post may keep one for long. Any thread may give one back.
class Chunks {
    static const std::size_t k_SIZE = 64 << 10;  // of those that are kept
    static const std::size_t k_FROM = 48 << 10;  // and are taken for this size or more
    static const std::size_t k_KEPT = 256;

    std::mutex          d_mutex;
    std::vector<char *> d_free;

    static bool isKept(std::size_t size) { return size >= k_FROM && size <= k_SIZE; }

    void put(char *memory, std::size_t size) noexcept
    {
        if (isKept(size)) {
            std::lock_guard<std::mutex> guard(d_mutex);
            if (d_free.size() < k_KEPT) {
                d_free.push_back(memory);
                return;
            }
        }
        --allocations;
        delete[] memory;
    }

    char *take(std::size_t size)
    {
        if (isKept(size)) {
            std::lock_guard<std::mutex> guard(d_mutex);
            if (!d_free.empty()) {
                char *memory = d_free.back();
                d_free.pop_back();
                return memory;
            }
        }
        char *memory = new char[isKept(size) ? k_SIZE : size];
        ++allocations;
        return memory;
    }

  public:
    Chunks() { d_free.reserve(k_KEPT); }

    ~Chunks()
    {
        for (char *memory : d_free) {
            --allocations;
            delete[] memory;
        }
    }

    /// Answers a block of at least size bytes. It keeps the chunks that it is from.
    static bsl::shared_ptr<char> get(const std::shared_ptr<Chunks>& from, std::size_t size)
    {
        return bsl::shared_ptr<char>(from->take(size), [from, size](char *memory) { from->put(memory, size); });
    }
};

}  // namespace bridge

#endif
