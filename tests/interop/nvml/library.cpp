// SPDX-License-Identifier: MIT
// Answers as the driver's library does, with the types of NVIDIA's own header: what cairn declares of it by
// hand is called through what that says. Two GPUs; the second tells neither its power nor its clocks, and
// there is a third that is lost. NVML_HANGS: it never answers.
#include <nvml.h>

#include <cstdlib>

#include <unistd.h>

namespace {

int devices[3];
int index_of(nvmlDevice_t device) {
    for (int i = 0; i < 3; ++i) {
        if (device == reinterpret_cast<nvmlDevice_t>(&devices[i])) return i;
    }
    return -1;
}
bool is_begun = false;

}  // namespace

extern "C" {

nvmlReturn_t nvmlInit_v2(void) {
    if (std::getenv("NVML_HANGS") != nullptr) ::pause();
    is_begun = true;
    return NVML_SUCCESS;
}
nvmlReturn_t nvmlDeviceGetCount_v2(unsigned int* count) {
    if (!is_begun) return NVML_ERROR_UNINITIALIZED;
    *count = 3;
    return NVML_SUCCESS;
}
nvmlReturn_t nvmlDeviceGetHandleByIndex_v2(unsigned int index, nvmlDevice_t* device) {
    if (index == 2) return NVML_ERROR_GPU_IS_LOST;
    *device = reinterpret_cast<nvmlDevice_t>(&devices[index]);
    return NVML_SUCCESS;
}
nvmlReturn_t nvmlDeviceGetUtilizationRates(nvmlDevice_t device, nvmlUtilization_t* use) {
    if (index_of(device) < 0) return NVML_ERROR_INVALID_ARGUMENT;
    *use = {};
    use->gpu = index_of(device) == 0 ? 97 : 3;
    use->memory = 41;
    return NVML_SUCCESS;
}
nvmlReturn_t nvmlDeviceGetMemoryInfo(nvmlDevice_t device, nvmlMemory_t* memory) {
    if (index_of(device) < 0) return NVML_ERROR_INVALID_ARGUMENT;
    *memory = {};
    memory->total = 80ULL << 30;
    memory->used = 60ULL << 30;
    memory->free = memory->total - memory->used;
    return NVML_SUCCESS;
}
nvmlReturn_t nvmlDeviceGetTemperature(nvmlDevice_t device, nvmlTemperatureSensors_t sensor,
                                      unsigned int* degrees) {
    if (index_of(device) < 0 || sensor != NVML_TEMPERATURE_GPU) return NVML_ERROR_INVALID_ARGUMENT;
    *degrees = 66;
    return NVML_SUCCESS;
}
nvmlReturn_t nvmlDeviceGetPowerUsage(nvmlDevice_t device, unsigned int* milliwatts) {
    if (index_of(device) != 0) return NVML_ERROR_NOT_SUPPORTED;
    *milliwatts = 350'000;
    return NVML_SUCCESS;
}
nvmlReturn_t nvmlDeviceGetEnforcedPowerLimit(nvmlDevice_t device, unsigned int* milliwatts) {
    if (index_of(device) != 0) return NVML_ERROR_NOT_SUPPORTED;
    *milliwatts = 700'000;
    return NVML_SUCCESS;
}
nvmlReturn_t nvmlDeviceGetClockInfo(nvmlDevice_t device, nvmlClockType_t type, unsigned int* megahertz) {
    if (index_of(device) != 0) return NVML_ERROR_NOT_SUPPORTED;
    if (type != NVML_CLOCK_SM && type != NVML_CLOCK_MEM) return NVML_ERROR_INVALID_ARGUMENT;
    *megahertz = type == NVML_CLOCK_SM ? 1980 : 2619;
    return NVML_SUCCESS;
}
}
