package org.densenet4j.backend.cuda;

import static org.densenet4j.backend.cuda.CudaStatus.checkDriver;

import jcuda.driver.CUcontext;
import jcuda.driver.CUdevice;
import jcuda.driver.CUdevice_attribute;
import jcuda.driver.CUstream;
import jcuda.driver.CUstream_flags;
import jcuda.driver.JCudaDriver;

/**
 * A device's primary context, which cuDNN and cuBLAS use too, with one stream for all work and one
 * for copies of the next batch.
 *
 * <p>A context is current for one thread; {@link #enter} makes it so for the caller and costs
 * nothing while the same thread calls.
 */
final class CudaContext implements AutoCloseable {
    private final CUdevice device = new CUdevice();
    private final CUcontext context = new CUcontext();
    private final CUstream stream = new CUstream();
    private final CUstream copyStream = new CUstream();
    private Thread current;
    private boolean closed;

    CudaContext(int index) {
        checkDriver(JCudaDriver.cuInit(0), "starting the driver");
        checkDriver(JCudaDriver.cuDeviceGet(device, index), "opening CUDA device " + index);
        checkDriver(
                JCudaDriver.cuDevicePrimaryCtxRetain(context, device),
                "making a context on CUDA device " + index);
        enter();
        int flags = CUstream_flags.CU_STREAM_NON_BLOCKING;
        checkDriver(JCudaDriver.cuStreamCreate(stream, flags), "making a stream");
        checkDriver(JCudaDriver.cuStreamCreate(copyStream, flags), "making a stream");
    }

    void enter() {
        if (closed) {
            throw new IllegalStateException("the device is closed");
        }
        Thread caller = Thread.currentThread();
        if (current != caller) {
            checkDriver(JCudaDriver.cuCtxSetCurrent(context), "entering the context");
            current = caller;
        }
    }

    CUstream stream() {
        return stream;
    }

    CUstream copyStream() {
        return copyStream;
    }

    int attribute(int attribute) {
        int[] value = new int[1];
        checkDriver(
                JCudaDriver.cuDeviceGetAttribute(value, attribute, device),
                "asking for device attribute " + attribute);
        return value[0];
    }

    int multiprocessors() {
        return attribute(CUdevice_attribute.CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT);
    }

    int capabilityMajor() {
        return attribute(CUdevice_attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR);
    }

    int capabilityMinor() {
        return attribute(CUdevice_attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR);
    }

    String deviceName() {
        byte[] name = new byte[256];
        checkDriver(JCudaDriver.cuDeviceGetName(name, name.length, device), "asking for a name");
        int length = 0;
        while (length < name.length && name[length] != 0) {
            length++;
        }
        return new String(name, 0, length, java.nio.charset.StandardCharsets.UTF_8);
    }

    /** Waits for everything queued on the stream of work. */
    void synchronize() {
        checkDriver(JCudaDriver.cuStreamSynchronize(stream), "waiting for the device");
    }

    @Override
    public void close() {
        if (!closed) {
            enter();
            closed = true;
            JCudaDriver.cuStreamSynchronize(stream);
            JCudaDriver.cuStreamDestroy(copyStream);
            JCudaDriver.cuStreamDestroy(stream);
            JCudaDriver.cuDevicePrimaryCtxRelease(device);
        }
    }
}
