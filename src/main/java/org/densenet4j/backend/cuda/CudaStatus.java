package org.densenet4j.backend.cuda;

import jcuda.driver.JCudaDriver;
import jcuda.jcublas.JCublas2;
import jcuda.jcudnn.JCudnn;

import org.densenet4j.backend.DeviceException;

/**
 * Where every call into the driver, cuDNN and cuBLAS is checked. A failure becomes an exception
 * that names the operation with its shapes, and the library's own message.
 */
final class CudaStatus {
    private CudaStatus() {}

    /**
     * @param operation what was called; its text is made only when it failed
     */
    static void checkDriver(int status, Object operation) {
        if (status != 0) {
            String[] name = {"status " + status};
            String[] text = {"no description"};
            JCudaDriver.cuGetErrorName(status, name);
            JCudaDriver.cuGetErrorString(status, text);
            throw failure(operation, "CUDA driver", name[0] + ", " + text[0]);
        }
    }

    /** The same for cuDNN, whose version 9 renumbered its codes: it is asked for their names. */
    static void checkDnn(int status, Object operation) {
        if (status != 0) {
            throw failure(operation, "cuDNN", JCudnn.cudnnGetErrorString(status));
        }
    }

    /** The same for cuBLAS. */
    static void checkBlas(int status, Object operation) {
        if (status != 0) {
            throw failure(operation, "cuBLAS", JCublas2.cublasGetStatusString(status));
        }
    }

    private static DeviceException failure(Object operation, String library, String message) {
        return new DeviceException(operation + ": " + library + " says " + message);
    }
}
