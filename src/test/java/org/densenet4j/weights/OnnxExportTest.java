package org.densenet4j.weights;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;

import org.densenet4j.backend.Device;
import org.densenet4j.spec.DenseNetSpec;
import org.densenet4j.spec.Stem;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.nio.FloatBuffer;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;

/** ONNX Runtime computes what this engine computes. */
class OnnxExportTest {
    @TempDir private Path folder;

    private Path export(RandomModel random, int opset) throws IOException {
        Path path = folder.resolve("model-" + opset + ".onnx");
        try (Model model = Model.open(random.write(folder.resolve("model.safetensors")))) {
            OnnxExport.write(model, path, opset);
        }
        return path;
    }

    private static void assertSameLogits(RandomModel model, Path onnx, int... batches)
            throws OrtException {
        DenseNetSpec spec = model.spec();
        OrtEnvironment environment = OrtEnvironment.getEnvironment();
        try (OrtSession.SessionOptions options = new OrtSession.SessionOptions();
                Device device = Device.cpu()) {
            options.setIntraOpNumThreads(1);
            try (OrtSession session = environment.createSession(onnx.toString(), options)) {
                for (int count : batches) {
                    float[] images = model.images(count, count);
                    float[] found = run(environment, session, spec, images, count);
                    double error =
                            RandomModel.error(model.expectedLogits(device, images, count), found);
                    assertTrue(error < 1e-4, spec + ", batch " + count + ": " + error);
                }
            }
        }
    }

    private static float[] run(
            OrtEnvironment environment,
            OrtSession session,
            DenseNetSpec spec,
            float[] nhwc,
            int count)
            throws OrtException {
        int pixels = spec.inputHeight() * spec.inputWidth();
        int channels = spec.inputChannels();
        float[] nchw = new float[nhwc.length];
        for (int n = 0; n < count; n++) {
            for (int p = 0; p < pixels; p++) {
                for (int c = 0; c < channels; c++) {
                    nchw[(n * channels + c) * pixels + p] = nhwc[(n * pixels + p) * channels + c];
                }
            }
        }
        long[] shape = {count, channels, spec.inputHeight(), spec.inputWidth()};
        try (OnnxTensor input =
                        OnnxTensor.createTensor(environment, FloatBuffer.wrap(nchw), shape);
                OrtSession.Result result = session.run(Map.of("images", input))) {
            float[][] logits = (float[][]) result.get("logits").orElseThrow().getValue();
            assertEquals(count, logits.length);
            float[] flat = new float[count * spec.classes()];
            for (int n = 0; n < count; n++) {
                System.arraycopy(logits[n], 0, flat, n * spec.classes(), spec.classes());
            }
            return flat;
        }
    }

    @Test
    void logitsAgreeForNetworksOfEveryKind() throws IOException, OrtException {
        List<DenseNetSpec> specs =
                List.of(
                        DenseNetSpec.bc(40, 12).build(),
                        DenseNetSpec.bc(16, 7).inputSize(13, 18).classes(3).build(),
                        DenseNetSpec.plain(13, 12).inputSize(11).build(),
                        DenseNetSpec.b(16, 5).inputSize(9, 14).build(),
                        DenseNetSpec.builder()
                                .growthRate(8)
                                .layersPerBlock(2, 3, 2, 1)
                                .initialChannels(16)
                                .stem(Stem.IMAGENET)
                                .inputSize(67, 53)
                                .classes(11)
                                .build());
        for (DenseNetSpec spec : specs) {
            RandomModel model = new RandomModel(spec, 1);
            assertSameLogits(model, export(model, OnnxExport.OPSET), 1, 3);
        }
    }

    @Test
    void logitsAgreeForDenseNet121() throws IOException, OrtException {
        RandomModel model = new RandomModel(DenseNetSpec.densenet121().inputSize(65).build(), 2);
        assertSameLogits(model, export(model, OnnxExport.OPSET), 1, 3);
    }

    @Test
    void logitsAgreeForRandomNetworksAndOlderOpsets() throws IOException, OrtException {
        SplittableRandom random = new SplittableRandom(3);
        for (int opset = 13; opset <= OnnxExport.OPSET; opset++) {
            RandomModel model = new RandomModel(RandomSpec.draw(random), opset);
            assertSameLogits(model, export(model, opset), 1, 3);
        }
    }

    @Test
    void namesAndNotesAreInTheFile() throws IOException, OrtException {
        RandomModel model = new RandomModel(DenseNetSpec.bc(10, 4).build(), 1);
        Path path = folder.resolve("named.onnx");
        try (Model file = Model.open(model.write(folder.resolve("m.safetensors")))) {
            OnnxExport.write(file.withClassNames(Arrays.asList("abcdefghij".split(""))), path);
        }
        OrtEnvironment environment = OrtEnvironment.getEnvironment();
        try (OrtSession session = environment.createSession(path.toString())) {
            assertEquals(
                    "[\"a\",\"b\",\"c\",\"d\",\"e\",\"f\",\"g\",\"h\",\"i\",\"j\"]",
                    session.getMetadata().getCustomMetadataValue("classes").orElseThrow());
            assertEquals("densenet4j", session.getMetadata().getProducerName());
        }
    }

    @Test
    void refusesOpsetsThatItWasNotTestedWith() throws IOException {
        RandomModel model = new RandomModel(DenseNetSpec.bc(10, 4).build(), 1);
        for (int opset : new int[] {0, 12, 99}) {
            IllegalArgumentException e =
                    assertThrows(IllegalArgumentException.class, () -> export(model, opset));
            assertTrue(e.getMessage().contains("opset"), e.getMessage());
        }
    }
}
