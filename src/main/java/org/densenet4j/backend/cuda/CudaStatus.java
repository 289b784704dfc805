package org.densenet4j.backend.cuda;

import jcuda.driver.CUresult;
import jcuda.driver.JCudaDriver;
import jcuda.jcublas.JCublas2;
import jcuda.jcudnn.JCudnn;

import org.densenet4j.backend.DeviceException;

/**
 * Where every call into the driver, cuDNN, cuBLAS and NCCL is checked. A failure becomes an
 * exception that names the operation with its shapes, the library's own message and, where it is
 * known, what mends it.
 */
final class CudaStatus {
    private CudaStatus() {}

    /**
     * @param operation what was called; its text is made only when it failed
     */
    static void checkDriver(int status, Object operation) {
        if (status != 0) {
            throw new DeviceException(operation + ": CUDA driver says " + driverAnswer(status));
        }
    }

    /** What the driver says of a status, and what mends it. */
    private static String driverAnswer(int status) {
        String[] text = {"no description"};
        JCudaDriver.cuGetErrorString(status, text);
        String advice =
                DriverError.of(status).map(error -> "; " + error.causeAndMend().line()).orElse("");
        return driverName(status) + ", " + text[0] + advice;
    }

    /** The same for cuDNN, whose version 9 renumbered its codes: it is asked for their names. */
    static void checkDnn(int status, Object operation) {
        if (status != 0) {
            String name = JCudnn.cudnnGetErrorString(status);
            throw failure(operation, "cuDNN", name + mendOfDnn(name));
        }
    }

    /**
     * What a user can do about cuDNN's refusals to start; "" for those that are not of that kind.
     */
    private static String mendOfDnn(String name) {
        if (name.contains("SUBLIBRARY")) {
            return "; parts of another cuDNN 9 are in the loader's path: take their folder out of"
                    + " LD_LIBRARY_PATH";
        }
        return name.endsWith("STATUS_NOT_INITIALIZED")
                ? "; the device's memory may be full (nvidia-smi), or the device or driver too old"
                        + " for this cuDNN"
                : "";
    }

    /** The same for cuBLAS, called through JCuda. */
    static void checkBlas(int status, Object operation) {
        if (status != 0) {
            throw failure(operation, "cuBLAS", JCublas2.cublasGetStatusString(status));
        }
    }

    /** The same for a library that is called without JCuda and has said what the status means. */
    static DeviceException blasFailure(Object operation, String message) {
        return failure(operation, "cuBLAS", message);
    }

    /** The same for NCCL, whose own message names what went wrong before. */
    static DeviceException ncclFailure(Object operation, String message) {
        return new DeviceException(operation + ": NCCL says " + message);
    }

    /** The driver's name of a status, such as {@code CUDA_ERROR_NOT_SUPPORTED}. */
    static String driverName(int status) {
        String[] name = {"status " + status};
        JCudaDriver.cuGetErrorName(status, name);
        return name[0];
    }

    private static DeviceException failure(Object operation, String library, String message) {
        return new DeviceException(operation + ": " + library + " says " + message + lostContext());
    }

    /**
     * What went wrong on the device before; "" where nothing did.
     *
     * <p>A kernel that ends illegally takes its context with it, and whichever call comes next
     * fails. A library's call then answers with a status of its own (cuBLAS: {@code
     * INTERNAL_ERROR}) that names neither; every call of the driver answers with the device's error
     * from then on. The one asked here is allowed while operations are recorded.
     */
    private static String lostContext() {
        int status = JCudaDriver.cuMemGetInfo(new long[1], new long[1]);
        return status == 0 || status == CUresult.CUDA_ERROR_INVALID_CONTEXT
                ? ""
                : "; the device had failed before, and CUDA driver says " + driverAnswer(status);
    }
}
