package org.densenet4j.bench;

import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import ai.onnxruntime.OrtSession.SessionOptions;

import org.densenet4j.spec.DenseNetSpec;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;

/**
 * ONNX Runtime with the settings that make it fastest: all optimisations of the graph for one fixed
 * size of images and batch, its memory planned, its own threads. Images are tensors already.
 */
final class OnnxRuntimeEngine implements InferenceEngine {
    private static final long STACK_BYTES = 64L << 20;

    private final OnnxTensor[] images = new OnnxTensor[LatencyFiles.BATCHES];
    private final OrtSession session;
    private final int floats;

    /**
     * Loads the model.
     *
     * @param spinning whether its threads wait for work busily
     */
    OnnxRuntimeEngine(
            LatencyFiles files, DenseNetSpec spec, int batch, boolean spinning, int threads)
            throws IOException, OrtException, InterruptedException {
        OrtEnvironment environment = environment();
        try (SessionOptions options = new SessionOptions()) {
            options.setOptimizationLevel(SessionOptions.OptLevel.ALL_OPT);
            options.setExecutionMode(SessionOptions.ExecutionMode.SEQUENTIAL);
            options.setIntraOpNumThreads(threads);
            options.setInterOpNumThreads(1);
            options.setMemoryPatternOptimization(true);
            options.setCPUArenaAllocator(true);
            options.setSymbolicDimensionValue("batch", batch);
            options.addConfigEntry("session.intra_op.allow_spinning", spinning ? "1" : "0");
            this.session = environment.createSession(files.onnx().toString(), options);
        }
        this.floats = batch * spec.classes();
        long[] sizes = {batch, spec.inputChannels(), spec.inputHeight(), spec.inputWidth()};
        for (int i = 0; i < images.length; i++) {
            FloatBuffer mapped = LatencyFiles.images(files.channelsFirst(), spec, batch, i);
            FloatBuffer direct =
                    ByteBuffer.allocateDirect(mapped.remaining() * Float.BYTES)
                            .order(ByteOrder.nativeOrder())
                            .asFloatBuffer()
                            .put(mapped)
                            .rewind();
            images[i] = OnnxTensor.createTensor(environment, direct, sizes);
        }
    }

    /**
     * Made on a thread with a large stack: version 1.29 looks for devices with regular expressions
     * that take a few hundred bytes of stack per character, and on some machines the 1 MB of a Java
     * thread is too little.
     */
    private static OrtEnvironment environment() throws IOException, InterruptedException {
        FutureTask<OrtEnvironment> task = new FutureTask<>(OrtEnvironment::getEnvironment);
        new Thread(null, task, "onnxruntime", STACK_BYTES).start();
        try {
            return task.get();
        } catch (ExecutionException e) {
            throw new IOException("ONNX Runtime does not start: " + e.getCause(), e);
        }
    }

    @Override
    public float[] logits(int number) throws OrtException {
        try (OrtSession.Result result = session.run(Map.of("images", images[number]))) {
            float[] logits = new float[floats];
            ((OnnxTensor) result.get(0)).getFloatBuffer().get(logits);
            return logits;
        }
    }

    @Override
    public void close() throws OrtException {
        for (OnnxTensor tensor : images) {
            tensor.close();
        }
        session.close();
    }
}
