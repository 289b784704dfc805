package org.densenet4j.backend.cuda;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.backend.ConvolutionShape;
import org.densenet4j.backend.DataType;
import org.densenet4j.backend.PointwiseShape;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

import java.util.List;

/** The fused kernels of dense layers without statistics, as inference runs them. */
class InferenceLayersTest {
    private static final FusedLayers ON_H100 = PlannedH100.fusedLayers(true, 132);

    static List<LayerProgram> programs() {
        return LayerProgram.all();
    }

    @ParameterizedTest
    @MethodSource("programs")
    void resultsAreThoseOfTrainingAndNoScratchIsUsed(LayerProgram program) {
        for (int multiprocessors : new int[] {1, 64}) {
            try (InferenceLayerRun inference = new InferenceLayerRun(program, multiprocessors);
                    InferenceLayerRun training = new InferenceLayerRun(program, multiprocessors)) {
                byte[] inferred = inference.inferred(InferenceLayerRun.IMAGES);
                assertTrue(inference.scratchIsUntouched());
                assertArrayEquals(training.trained(), inferred);
                assertFalse(training.scratchIsUntouched());
            }
        }
    }

    /** Fewer images than planned are multiplied by the kernel for as many. */
    @ParameterizedTest
    @MethodSource("programs")
    void resultsDoNotDependOnHowManyImagesThereAre(LayerProgram program) {
        try (InferenceLayerRun one = new InferenceLayerRun(program, 1);
                InferenceLayerRun all = new InferenceLayerRun(program, 1)) {
            all.inferred(InferenceLayerRun.IMAGES);
            assertArrayEquals(one.inferred(1), all.results(1));
        }
    }

    @Test
    void aSingleImageGetsShortTiles() {
        DataType half = DataType.BFLOAT16;
        PointwiseShape bottleneck = new PointwiseShape(49, 1000, 128, half, true);
        assertEquals(
                "pointwise_forward_short_bf16_128",
                ON_H100.pointwise(bottleneck).orElseThrow().forward().name());
        ConvolutionShape appended = new ConvolutionShape(1, 7, 7, 128, 32, 3, 1, 1, half);
        assertEquals(
                "appended_convolution_short_bf16_128",
                ON_H100.appended(appended).orElseThrow().forward().name());
    }

    @Test
    void aPassWithoutStatisticsNeedsNoScratch() {
        PointwiseShape bottleneck = new PointwiseShape(49, 1000, 128, DataType.BFLOAT16, true);
        assertEquals(0, ON_H100.memory(bottleneck).orElseThrow().forwardScratch());
        assertTrue(ON_H100.memory(bottleneck).orElseThrow().scratch() > 0);
    }
}
