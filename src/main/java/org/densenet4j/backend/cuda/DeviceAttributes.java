package org.densenet4j.backend.cuda;

import static org.densenet4j.backend.cuda.CudaStatus.checkDriver;

import jcuda.driver.CUdevice;
import jcuda.driver.CUdevice_attribute;
import jcuda.driver.JCudaDriver;

/**
 * What the driver says of a device that never changes. It is asked once, before there is memory
 * that would have to be given back if the driver failed to answer.
 *
 * @param architecture compute capability without its point, such as 90
 * @param multiprocessors how many there are
 * @param cacheBytes of the level-2 cache
 * @param sharedBytes the most shared memory that a block of threads may ask for
 * @param memoryBytesPerSecond what the memory moves by its clock and width; 0 if unknown
 */
record DeviceAttributes(
        int architecture,
        int multiprocessors,
        long cacheBytes,
        int sharedBytes,
        long memoryBytesPerSecond) {
    private static final int TRANSFERS_PER_CLOCK = 2;

    /**
     * @throws org.densenet4j.backend.DeviceException if the driver does not answer
     */
    static DeviceAttributes of(CUdevice device) {
        return new DeviceAttributes(
                10
                                * required(
                                        device,
                                        CUdevice_attribute
                                                .CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR)
                        + required(
                                device,
                                CUdevice_attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR),
                required(device, CUdevice_attribute.CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT),
                required(device, CUdevice_attribute.CU_DEVICE_ATTRIBUTE_L2_CACHE_SIZE),
                required(
                        device,
                        CUdevice_attribute.CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN),
                memoryBytesPerSecond(
                        orZero(device, CUdevice_attribute.CU_DEVICE_ATTRIBUTE_MEMORY_CLOCK_RATE),
                        orZero(
                                device,
                                CUdevice_attribute.CU_DEVICE_ATTRIBUTE_GLOBAL_MEMORY_BUS_WIDTH)));
    }

    private static long memoryBytesPerSecond(long kilohertz, long bits) {
        return kilohertz * 1000 * TRANSFERS_PER_CLOCK * (bits / 8);
    }

    private static int required(CUdevice device, int attribute) {
        int[] value = new int[1];
        checkDriver(
                JCudaDriver.cuDeviceGetAttribute(value, attribute, device),
                "asking for device attribute " + attribute);
        return value[0];
    }

    /** Drivers need not answer for every attribute of a device that CUDA was built with. */
    private static int orZero(CUdevice device, int attribute) {
        int[] value = new int[1];
        return JCudaDriver.cuDeviceGetAttribute(value, attribute, device) == 0 ? value[0] : 0;
    }
}
