// SPDX-License-Identifier: MIT
#pragma once
// What NVIDIA's GPUs do, as the driver's own library tells it (NVML, loaded if it is there; its functions and
// structs as its reference has them, of NVML 11 and newer).

#include <cairn/store/os.hpp>

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string_view>
#include <utility>
#include <vector>

namespace CAIRN_NAMESPACE::detail {

/// The GPUs of this machine; none without the driver. Threads: one at a time. Cost: the library is loaded,
/// and the driver begun, with the first question.
template <class = void>
class BasicGpus {
  public:
    /// Calls `f(index, what, value)` for each thing that each GPU tells; `what` as W&B calls it.
    template <class F>
    void each(F&& f) {
        if (!is_begun_) begin();
        for (unsigned index = 0; index < count_; ++index) {
            Device device = nullptr;
            if (handle_(index, &device) != success) continue;
            if (Utilization use{}; use_ != nullptr && use_(device, &use) == success) {
                f(index, "gpu", static_cast<double>(use.gpu));
                f(index, "memory", static_cast<double>(use.memory));
            }
            if (Memory memory{};
                memory_ != nullptr && memory_(device, &memory) == success && memory.total != 0) {
                const auto used = static_cast<double>(memory.used);
                f(index, "memoryAllocatedBytes", used);
                f(index, "memoryAllocated", 100 * used / static_cast<double>(memory.total));
            }
            unsigned value = 0;
            if (temperature_ != nullptr && temperature_(device, on_die, &value) == success)
                f(index, "temp", static_cast<double>(value));
            double watts = 0;
            if (power_ != nullptr && power_(device, &value) == success) {
                watts = value / 1000.0;
                f(index, "powerWatts", watts);
            }
            if (power_limit_ != nullptr && power_limit_(device, &value) == success && value != 0) {
                f(index, "enforcedPowerLimitWatts", value / 1000.0);
                if (watts > 0) f(index, "powerPercent", 100 * watts / (value / 1000.0));
            }
            if (clock_ != nullptr && clock_(device, of_processors, &value) == success)
                f(index, "smClock", static_cast<double>(value));
            if (clock_ != nullptr && clock_(device, of_memory, &value) == success)
                f(index, "memoryClock", static_cast<double>(value));
        }
    }

  private:
    using Device = void*;
    struct Utilization {
        unsigned gpu, memory;  // percent
    };
    struct Memory {
        unsigned long long total, free, used;  // bytes
    };
    static constexpr int success = 0, on_die = 0, of_processors = 1, of_memory = 2;

    void begin() noexcept {
        is_begun_ = true;
#if defined(_WIN32)
        const os::Library nvml{"nvml.dll"};
#else
        const os::Library nvml{"libnvidia-ml.so.1"};
#endif
        const auto init = nvml.find<int()>("nvmlInit_v2");
        const auto count = nvml.find<int(unsigned*)>("nvmlDeviceGetCount_v2");
        handle_ = nvml.find<int(unsigned, Device*)>("nvmlDeviceGetHandleByIndex_v2");
        use_ = nvml.find<int(Device, Utilization*)>("nvmlDeviceGetUtilizationRates");
        memory_ = nvml.find<int(Device, Memory*)>("nvmlDeviceGetMemoryInfo");
        temperature_ = nvml.find<int(Device, int, unsigned*)>("nvmlDeviceGetTemperature");
        power_ = nvml.find<int(Device, unsigned*)>("nvmlDeviceGetPowerUsage");
        power_limit_ = nvml.find<int(Device, unsigned*)>("nvmlDeviceGetEnforcedPowerLimit");
        clock_ = nvml.find<int(Device, int, unsigned*)>("nvmlDeviceGetClockInfo");
        if (init == nullptr || count == nullptr || handle_ == nullptr || init() != success) return;
        if (count(&count_) != success) count_ = 0;
    }

    bool is_begun_ = false;
    unsigned count_ = 0;
    int (*handle_)(unsigned, Device*) = nullptr;
    int (*use_)(Device, Utilization*) = nullptr;
    int (*memory_)(Device, Memory*) = nullptr;
    int (*temperature_)(Device, int, unsigned*) = nullptr;
    int (*power_)(Device, unsigned*) = nullptr;
    int (*power_limit_)(Device, unsigned*) = nullptr;
    int (*clock_)(Device, int, unsigned*) = nullptr;
};

/// Asks them on a thread of its own, because a driver may hang. Threads: one at a time.
template <class T = void>
class BasicGpuProbe {
  public:
    BasicGpuProbe() = default;
    BasicGpuProbe(const BasicGpuProbe&) = delete;
    BasicGpuProbe& operator=(const BasicGpuProbe&) = delete;
    /// Leaves the thread to a driver that does not answer.
    ~BasicGpuProbe() {
        if (!shared_) return;
        shared_->is_over.store(true, std::memory_order_relaxed);
        shared_->bell.ring();
        if (shared_->is_asking.load(std::memory_order_acquire))
            thread_.leave();
        else
            thread_.join();
    }

    /// What they told when they were asked the last time, `f(index, what, value)`; and asks again.
    template <class F>
    void each(F&& f) {
        if (!shared_ && !start()) return;
        {
            const std::scoped_lock lock{shared_->mutex};
            for (const Told& told : shared_->told) f(told.index, told.what, told.value);
        }
        shared_->is_asking.store(true, std::memory_order_release);
        shared_->bell.ring();
    }

  private:
    struct Told {
        unsigned index = 0;
        std::string_view what{};  // a literal
        double value = 0;
    };
    struct Shared {
        std::mutex mutex{};
        std::vector<Told> told{};
        os::Bell bell{};
        std::atomic<bool> is_asking{false}, is_over{false};
    };

    [[nodiscard]] bool start() {
        auto shared = std::make_shared<Shared>();
        auto own = std::make_unique<std::shared_ptr<Shared>>(shared);  // the thread's
        if (!thread_.start(&work, own.get())) return false;
        (void)own.release();
        shared_ = std::move(shared);
        return true;
    }
    static void* work(void* given) noexcept {
        const std::unique_ptr<std::shared_ptr<Shared>> own{static_cast<std::shared_ptr<Shared>*>(given)};
        Shared& shared = **own;
        BasicGpus<T> gpus;
        while (!shared.is_over.load(std::memory_order_relaxed)) {
            shared.bell.wait();
            if (!shared.is_asking.load(std::memory_order_acquire)) continue;
            try {
                std::vector<Told> told;
                gpus.each([&](unsigned index, std::string_view what, double value) {
                    told.push_back({index, what, value});
                });
                const std::scoped_lock lock{shared.mutex};
                shared.told.swap(told);
            } catch (...) {  // no memory: what was told before stands
            }
            shared.is_asking.store(false, std::memory_order_release);
        }
        return nullptr;
    }

    std::shared_ptr<Shared> shared_;
    os::Thread thread_;
};

}  // namespace CAIRN_NAMESPACE::detail
