package org.densenet4j.backend.cuda;

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
            String[] text = {"no description"};
            JCudaDriver.cuGetErrorString(status, text);
            String advice =
                    DriverError.of(status)
                            .map(error -> "; " + error.causeAndMend().line())
                            .orElse("");
            String answer = driverName(status) + ", " + text[0] + advice;
            throw failure(operation, "CUDA driver", answer);
        }
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

    /** The same for NCCL. */
    static DeviceException ncclFailure(Object operation, String message) {
        return failure(operation, "NCCL", message);
    }

    /** The driver's name of a status, such as {@code CUDA_ERROR_NOT_SUPPORTED}. */
    static String driverName(int status) {
        String[] name = {"status " + status};
        JCudaDriver.cuGetErrorName(status, name);
        return name[0];
    }

    private static DeviceException failure(Object operation, String library, String message) {
        return new DeviceException(operation + ": " + library + " says " + message);
    }
}
