package org.densenet4j.hardware;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import jcuda.driver.CUcontext;
import jcuda.driver.CUdevice;
import jcuda.driver.CUresult;
import jcuda.driver.JCudaDriver;

import org.densenet4j.backend.CpuIsa;
import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceOptions;
import org.densenet4j.data.Batch;
import org.densenet4j.spec.DenseNetSpec;

import java.util.SplittableRandom;

/** The device that {@code -Ddensenet4j.device} names. */
final class DeviceUnderTest {
    private static final String NAME = System.getProperty("densenet4j.device", "cpu");

    private DeviceUnderTest() {}

    static Device open() {
        return open(DeviceOptions.defaults());
    }

    /**
     * With other options, but always deterministic. Properties of the process choose what explains
     * a failure on a GPU.
     */
    static Device open(DeviceOptions options) {
        DeviceOptions chosen = options.withDeterministic(true);
        if (Boolean.getBoolean("densenet4j.synchronous")) {
            chosen = chosen.withSynchronous(true);
        }
        if ("false".equals(System.getProperty("densenet4j.graphs"))) {
            chosen = chosen.withGraphs(false);
        }
        return Device.open(NAME, chosen);
    }

    /** The same with direct convolutions on a CPU. */
    static Device openDirect(boolean machineCode) {
        return open(
                DeviceOptions.defaults()
                        .withWinograd(false)
                        .withIsa(machineCode ? CpuIsa.BEST : CpuIsa.NONE));
    }

    /** A CPU with direct convolutions, to compare a GPU with. */
    static Device openCpu() {
        return Device.open("cpu", DeviceOptions.defaults().withWinograd(false));
    }

    static boolean isCuda() {
        return NAME.startsWith("cuda");
    }

    static void assumeCuda() {
        assumeTrue(isCuda(), "needs a GPU: run with -Ddensenet4j.device=cuda");
    }

    /** Free memory of CUDA device 0 in bytes, as {@code cuMemGetInfo} tells; a device is open. */
    static long freeDeviceMemory() {
        CUdevice device = new CUdevice();
        CUcontext context = new CUcontext();
        CUcontext previous = new CUcontext();
        check(JCudaDriver.cuDeviceGet(device, 0));
        check(JCudaDriver.cuDevicePrimaryCtxRetain(context, device));
        check(JCudaDriver.cuCtxPushCurrent(context));
        try {
            check(JCudaDriver.cuCtxSynchronize());
            long[] free = new long[1];
            long[] total = new long[1];
            check(JCudaDriver.cuMemGetInfo(free, total));
            return free[0];
        } finally {
            check(JCudaDriver.cuCtxPopCurrent(previous));
            check(JCudaDriver.cuDevicePrimaryCtxRelease(device));
        }
    }

    private static void check(int status) {
        if (status != CUresult.CUDA_SUCCESS) {
            throw new AssertionError("the driver says " + CUresult.stringFor(status));
        }
    }

    /** Random images and labels. */
    static Batch batch(DenseNetSpec spec, int images, long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        int h = spec.inputHeight();
        int w = spec.inputWidth();
        float[] pixels = new float[images * h * w * spec.inputChannels()];
        for (int i = 0; i < pixels.length; i++) {
            pixels[i] = (float) random.nextGaussian();
        }
        int[] labels = random.ints(images, 0, spec.classes()).toArray();
        return new Batch(pixels, labels, h, w, spec.inputChannels());
    }
}
