package org.densenet4j.testing;

import ai.onnxruntime.OrtEnvironment;

import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;

/** ONNX Runtime, started where it has room. */
public final class OnnxRuntime {
    private static final long STACK_BYTES = 64L << 20;

    private OnnxRuntime() {}

    /**
     * The environment, the same for all. When it is first made, version 1.29 looks for devices with
     * regular expressions that take a few hundred bytes of stack per character: on some machines
     * the 1 MB of a Java thread is too little, and the process dies without a word.
     */
    public static OrtEnvironment environment() {
        FutureTask<OrtEnvironment> task = new FutureTask<>(OrtEnvironment::getEnvironment);
        new Thread(null, task, "onnxruntime", STACK_BYTES).start();
        try {
            return task.get();
        } catch (ExecutionException e) {
            throw new IllegalStateException(e.getCause());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException(e);
        }
    }
}
