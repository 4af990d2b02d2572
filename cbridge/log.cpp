//go:build cgo && libbmq && !bmqfake

#include "bridge.hpp"

#include <ball_administration.h>
#include <ball_loggermanager.h>
#include <ball_loggermanagerconfiguration.h>
#include <ball_observeradapter.h>
#include <ball_record.h>
#include <ball_recordattributes.h>
#include <ball_severity.h>
#include <bdlt_epochutil.h>
#include <bsls_timeinterval.h>

#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <deque>
#include <mutex>
#include <string>
#include <thread>

#include <pthread.h>
#include <signal.h>

using namespace bridge;

namespace {

/// The log calls its observers with locks of its own held. Records are therefore put
/// into a queue, and handed over by a thread that is there for this only. The queue
/// is bounded, since a record must never wait.
class Log {
    struct Entry {
        int32_t     severity, line;
        int64_t     time, dropped;
        std::string category, file, message;
    };

    static const std::size_t k_MAX = 8192;

    std::mutex              d_mutex;
    std::condition_variable d_more, d_through;
    std::deque<Entry>       d_entries;
    int64_t                 d_dropped = 0;  // since the last entry
    uint64_t                d_put = 0, d_handed = 0;

  public:
    void put(const ball::Record& record)
    {
        const ball::RecordAttributes& from = record.fixedFields();
        Entry                         e;
        e.severity = from.severity();
        e.line     = from.lineNumber();
        e.time     = bdlt::EpochUtil::convertToTimeInterval(from.timestamp()).totalNanoseconds();
        e.category = from.category();
        e.file     = from.fileName();
        e.message.assign(from.messageRef().data(), from.messageRef().length());
        std::lock_guard<std::mutex> guard(d_mutex);
        if (d_entries.size() >= k_MAX) {
            ++d_dropped;
            return;
        }
        e.dropped = d_dropped;
        d_dropped = 0;
        d_entries.push_back(std::move(e));
        ++d_put;
        d_more.notify_one();
    }

    void run() noexcept
    {
        std::unique_lock<std::mutex> lock(d_mutex);
        for (;;) {
            d_more.wait(lock, [this] { return !d_entries.empty(); });
            Entry e = std::move(d_entries.front());
            d_entries.pop_front();
            lock.unlock();
            hand(e);
            lock.lock();
            ++d_handed;
            d_through.notify_all();
        }
    }

    void flush(std::chrono::nanoseconds timeout)
    {
        std::unique_lock<std::mutex> lock(d_mutex);
        const uint64_t               put = d_put;
        d_through.wait_for(lock, timeout, [this, put] { return d_handed >= put; });
    }

  private:
    static void hand(const Entry& e) noexcept
    {
        bmqb_log_record r = {};
        r.severity        = e.severity;
        r.line            = e.line;
        r.time            = e.time;
        r.dropped         = e.dropped;
        r.category        = e.category.data();
        r.category_size   = static_cast<int64_t>(e.category.size());
        r.file            = e.file.data();
        r.file_size       = static_cast<int64_t>(e.file.size());
        r.message         = e.message.data();
        r.message_size    = static_cast<int64_t>(e.message.size());
        bmqb_on_log(&r);
    }
};

class Observer : public ball::ObserverAdapter {
    Log *d_log;

  public:
    explicit Observer(Log *log)
    : d_log(log)
    {
    }

    void publish(const ball::Record& record, const ball::Context&) override
    {
        const ball::RecordAttributes& from = record.fixedFields();
        if (from.severity() <= ball::Severity::e_FATAL) {
            // An assertion of the SDK failed: the process ends before another thread
            // could tell why.
            std::fprintf(stderr, "libbmq: %s:%d: %s\n", from.fileName(), from.lineNumber(), from.message());
        }
        guarded(nullptr, [&] {
            d_log->put(record);
            return 0;
        });
    }
};

/// Lives as long as the process, as the logger manager does: threads of the SDK may
/// log until the very end.
Log *start()
{
    Log *log = new Log;

    // Signals are for the threads of the program.
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    std::thread([log] { log->run(); }).detach();
    pthread_sigmask(SIG_SETMASK, &before, nullptr);

    if (!ball::LoggerManager::isInitialized()) {
        ball::LoggerManagerConfiguration configuration;
        configuration.setDefaultThresholdLevelsIfValid(ball::Severity::e_OFF,
                                                       ball::Severity::e_WARN,
                                                       ball::Severity::e_OFF,
                                                       ball::Severity::e_OFF);
        ball::LoggerManager::initSingleton(configuration);
    }
    ball::LoggerManager::singleton().registerObserver(bsl::make_shared<Observer>(log), "bmq-go");
    return log;
}

Log *log()
{
    static Log *const s_log = start();
    return s_log;
}

}  // namespace

int32_t bmqb_log(int32_t severity)
{
    return guarded(nullptr, [&] {
        log();
        ball::Administration::setDefaultThresholdLevels(0, severity, 0, 0);
        ball::Administration::setThresholdLevels("*", 0, severity, 0, 0);
        return 0;
    });
}

int32_t bmqb_log_flush(int64_t timeout)
{
    return guarded(nullptr, [&] {
        log()->flush(std::chrono::nanoseconds(timeout));
        return 0;
    });
}
