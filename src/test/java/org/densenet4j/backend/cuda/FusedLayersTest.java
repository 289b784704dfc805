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
import java.util.Optional;

/** Which shapes are fused, and how their rows are shared. */
class FusedLayersTest {
    private static final int A100 = 163 << 10;
    private static final int RTX = 99 << 10;
    private static final long CACHE = 40 << 20;

    private static final FusedLayers ON_H100 = PlannedH100.fusedLayers(true, 132);

    static List<LayerProgram> programs() {
        return LayerProgram.all();
    }

    /** With one multiprocessor each block has several tiles, whose loads run ahead. */
    @ParameterizedTest
    @MethodSource("programs")
    void resultsDoNotDependOnHowRowsAreShared(LayerProgram program) {
        FusedLayerRun.Result one = FusedLayerRun.of(Emulation.open(), program, 1);
        FusedLayerRun.Result many = FusedLayerRun.of(Emulation.open(), program, 64);
        assertArrayEquals(many.rows(), one.rows());
        double largest = 0;
        for (float sum : many.sums()) {
            largest = Math.max(largest, Math.abs(sum));
        }
        for (int i = 0; i < many.sums().length; i++) {
            assertEquals(many.sums()[i], one.sums()[i], 1e-5 * largest, "sum " + i);
        }
    }

    @Test
    void resultsAreTheSameBitForBitFromRunToRun() {
        LayerProgram program = LayerProgram.all().getFirst();
        assertArrayEquals(
                FusedLayerRun.of(Emulation.open(), program, 2).memory(),
                FusedLayerRun.of(Emulation.open(), program, 2).memory());
    }

    /** Of wider programs rows that are finished are staged without conflicts, too. */
    @ParameterizedTest
    @MethodSource("programs")
    void lanesThatMeetAtABankAreRare(LayerProgram program) {
        FusedLayerRun.Result result = FusedLayerRun.of(Emulation.open(), program, 1);
        assertTrue(
                result.conflicts() <= (program.width() < 128 ? 20_000 : 0),
                result.conflicts() + " turns lost");
    }

    private static PointwiseShape bottleneck(int inputs, int outputs, DataType type) {
        return new PointwiseShape(802_816, inputs, outputs, type, true);
    }

    private static ConvolutionShape appended(int side, int width, int k, DataType type) {
        return new ConvolutionShape(256, side, side, width, k, 3, 1, 1, type);
    }

    @Test
    void layersOfTheUsualNetworksAreFusedInBFloat16() {
        for (int k : new int[] {12, 24, 32}) {
            for (int side : new int[] {7, 14, 28, 32, 56}) {
                assertTrue(
                        ON_H100.appended(appended(side, 4 * k, k, DataType.BFLOAT16)).isPresent(),
                        k + " new channels, " + side + " pixels");
            }
        }
        for (int inputs : new int[] {64, 150, 256, 1000, 2000}) {
            assertTrue(
                    ON_H100.pointwise(bottleneck(inputs, 128, DataType.BFLOAT16)).isPresent(),
                    inputs + " channels");
        }
    }

    @Test
    void layersOfDenseNet161AreFusedInBFloat16AndThoseOfDenseNet121InTensorFloat32() {
        for (int side : new int[] {7, 14, 28, 56}) {
            FusedLayers.Appended wide =
                    ON_H100.appended(appended(side, 192, 48, DataType.BFLOAT16)).orElseThrow();
            assertEquals("bf16_192", wide.program().suffix());
            assertEquals(3, wide.gradient().data().parts());
            FusedLayers.Appended rounded =
                    ON_H100.appended(appended(side, 128, 32, DataType.FLOAT32)).orElseThrow();
            assertEquals("tf32_128", rounded.program().suffix());
            assertEquals(2, rounded.gradient().data().parts());
        }
        for (int inputs : new int[] {96, 336, 2160}) {
            assertTrue(
                    ON_H100.pointwise(bottleneck(inputs, 192, DataType.BFLOAT16)).isPresent(),
                    inputs + " channels");
        }
    }

    @Test
    void blocksOfBothGradientsAreTogetherAsManyAsADeviceRunsAtOnce() {
        for (int channels : new int[] {136, 160, 192}) {
            ConvolutionShape shape = appended(28, channels, 40, DataType.BFLOAT16);
            AppendedGradientKernel kernel = ON_H100.appended(shape).orElseThrow().gradient();
            assertEquals(3, kernel.data().parts());
            assertEquals(3, kernel.weights().parts());
            AppendedGradientKernel.Shares shares = kernel.shares(200_704, 132);
            assertEquals(22, shares.ofData().blocks());
            assertEquals(22, shares.ofWeights().blocks());
            assertEquals(132, kernel.grid(shares).blocksX());
            assertEquals(1, kernel.shares(200_704, 1).ofData().blocks());
        }
        ConvolutionShape rounded = appended(28, 128, 32, DataType.FLOAT32);
        AppendedGradientKernel kernel = ON_H100.appended(rounded).orElseThrow().gradient();
        AppendedGradientKernel.Shares shares = kernel.shares(200_704, 132);
        assertEquals(33, shares.ofData().blocks(), "of two parts");
        assertEquals(66, shares.ofWeights().blocks(), "of all channels");
        assertTrue(!shares.areTheSame());
    }

    @Test
    void bothGradientsComeToTheSamePixelsWhereTheirTilesAllowIt() {
        DataType half = DataType.BFLOAT16;
        for (ConvolutionShape shape :
                List.of(appended(56, 128, 32, half), appended(32, 48, 12, half))) {
            AppendedGradientKernel kernel = ON_H100.appended(shape).orElseThrow().gradient();
            AppendedGradientKernel.Shares many = kernel.shares(65_536, 132);
            assertTrue(many.areTheSame(), many::toString);
            assertEquals(many.ofData().blocks(), many.ofWeights().blocks());
            assertTrue(many.ofData().rowsOfBlock() * many.ofData().blocks() >= 65_536);
        }
        // With few pixels shares of the same size would leave multiprocessors without work.
        AppendedGradientKernel wide =
                ON_H100.appended(appended(56, 192, 48, half)).orElseThrow().gradient();
        AppendedGradientKernel.Shares few = wide.shares(1000, 132);
        assertTrue(few.ofData().rowsOfBlock() <= 192, few::toString);
    }

    @Test
    void aMultiprocessorHasRoomForTheBlocksThatItIsToRunAtOnce() {
        DataType half = DataType.BFLOAT16;
        for (int inputs : new int[] {24, 150, 300, 900}) {
            FusedLayers.Pointwise kernels =
                    ON_H100.pointwise(bottleneck(inputs, 48, half)).orElseThrow();
            assertRoom(kernels.forward());
            assertRoom(kernels.backward());
        }
        for (int side : new int[] {8, 32, 64, 200}) {
            for (int width : new int[] {48, 64}) {
                FusedLayers.Appended kernels =
                        ON_H100.appended(appended(side, width, 12, half)).orElseThrow();
                assertRoom(kernels.forward());
                AppendedGradientKernel gradient = kernels.gradient();
                assertRoom(gradient.blocksOfMultiprocessor(), gradient.sharedBytes());
            }
        }
        AppendedGradientKernel ofBc100 =
                ON_H100.appended(appended(32, 48, 12, half)).orElseThrow().gradient();
        assertEquals(2, ofBc100.blocksOfMultiprocessor());
    }

    /** An H100's 228 KB, of which each block takes one besides its own. */
    private static void assertRoom(int blocks, int sharedBytes) {
        assertTrue(
                blocks * (sharedBytes + 1024) <= 228 << 10,
                () -> blocks + " blocks of " + sharedBytes + " bytes");
    }

    private static void assertRoom(LayerKernel kernel) {
        assertRoom(kernel.blocksOfMultiprocessor(), kernel.sharedBytes());
    }

    @Test
    void whatIsLargerThanHalfOfTheCacheGivesWayInIt() {
        assertTrue(ON_H100.givesWay((25L << 20) + 1));
        assertTrue(!ON_H100.givesWay(25L << 20));
    }

    @Test
    void linesOfAnImageFitAsFarAsDocumented() {
        DataType half = DataType.BFLOAT16;
        assertTrue(ON_H100.appended(appended(159, 128, 32, half).withImages(1)).isPresent());
        assertTrue(ON_H100.appended(appended(160, 128, 32, half).withImages(1)).isEmpty());
        assertTrue(ON_H100.appended(appended(383, 48, 12, half).withImages(1)).isPresent());
        assertTrue(ON_H100.appended(appended(384, 48, 12, half).withImages(1)).isEmpty());
        assertTrue(ON_H100.appended(appended(71, 192, 48, half).withImages(1)).isPresent());
        assertTrue(ON_H100.appended(appended(72, 192, 48, half).withImages(1)).isEmpty());
        DataType floats = DataType.FLOAT32;
        assertTrue(ON_H100.appended(appended(95, 128, 32, floats).withImages(1)).isPresent());
        assertTrue(ON_H100.appended(appended(96, 128, 32, floats).withImages(1)).isEmpty());
        assertLongestLine(31, new FusedLayers(true, true, 108, A100, CACHE), 128, 32);
        assertLongestLine(191, new FusedLayers(true, true, 108, A100, CACHE), 48, 12);
        assertLongestLine(63, new FusedLayers(true, true, 84, RTX, CACHE), 48, 12);
    }

    private static void assertLongestLine(int pixels, FusedLayers device, int width, int k) {
        ConvolutionShape fits = appended(pixels, width, k, DataType.BFLOAT16).withImages(1);
        ConvolutionShape longer = appended(pixels + 1, width, k, DataType.BFLOAT16).withImages(1);
        assertTrue(device.appended(fits).isPresent(), fits::toString);
        assertTrue(device.appended(longer).isEmpty(), longer::toString);
    }

    @Test
    void whatDoesNotFitIsLeftToLibraries() {
        DataType half = DataType.BFLOAT16;
        assertTrue(ON_H100.pointwise(bottleneck(96, 200, half)).isEmpty(), "200 channels");
        assertTrue(ON_H100.pointwise(bottleneck(97, 128, half)).isEmpty(), "odd columns");
        assertTrue(
                ON_H100.pointwise(new PointwiseShape(64, 96, 128, half)).isEmpty(),
                "rows that start anywhere");
        assertTrue(ON_H100.appended(appended(28, 128, 30, half)).isEmpty(), "30 new channels");
        assertTrue(ON_H100.appended(appended(224, 128, 32, half)).isEmpty(), "long lines");
        DataType floats = DataType.FLOAT32;
        assertTrue(ON_H100.appended(appended(28, 192, 48, floats)).isEmpty(), "192 in TF32");
        assertTrue(ON_H100.pointwise(bottleneck(96, 192, floats)).isEmpty(), "192 in TF32");
        assertTrue(ON_H100.pointwise(bottleneck(96, 128, floats)).isPresent());
        FusedLayers exact = PlannedH100.fusedLayers(false, 132);
        assertTrue(exact.pointwise(bottleneck(96, 128, floats)).isEmpty(), "without TF32");
        FusedLayers turing = new FusedLayers(false, true, 40, 64 << 10, CACHE);
        assertTrue(turing.pointwise(bottleneck(96, 128, half)).isEmpty(), "Turing");
    }

    @Test
    void whatIsNotFusedHasAReason() {
        DataType half = DataType.BFLOAT16;
        DataType floats = DataType.FLOAT32;
        assertHindered("new-channels-not-in-fours", appended(28, 128, 30, half));
        assertHindered("too-many-new-channels", appended(28, 192, 64, half));
        assertHindered("bottleneck-too-wide", appended(28, 256, 32, half));
        assertHindered("bottleneck-not-in-16-bytes", appended(28, 100, 24, half));
        assertHindered("shared-memory", appended(224, 128, 32, half));
        assertHindered("not-3x3", new ConvolutionShape(1, 8, 8, 128, 32, 5, 1, 2, half));
        assertEquals(Optional.empty(), ON_H100.hindrance(appended(28, 128, 32, half)));
        assertHindered("odd-columns", bottleneck(97, 128, half));
        assertHindered("bottleneck-too-wide", bottleneck(96, 192, floats));
        assertHindered("slower", bottleneck(96, 128, half).asComposed());
        assertHindered("rows-not-on-16-bytes", new PointwiseShape(100, 96, 128, half, false));
        assertEquals(Optional.empty(), ON_H100.hindrance(bottleneck(96, 128, half)));
        FusedLayers rtx = new FusedLayers(true, true, 84, RTX, CACHE);
        assertEquals(Optional.of("shared-memory"), rtx.hindrance(appended(56, 128, 32, half)));
    }

    private static void assertHindered(String why, ConvolutionShape shape) {
        assertEquals(Optional.of(why), ON_H100.hindrance(shape));
        assertTrue(ON_H100.appended(shape).isEmpty());
    }

    private static void assertHindered(String why, PointwiseShape shape) {
        assertEquals(Optional.of(why), ON_H100.hindrance(shape));
        assertTrue(ON_H100.pointwise(shape).isEmpty());
    }

    @Test
    void aDeviceWithLessSharedMemoryTakesOtherTilesOrLeavesItToLibraries() {
        FusedLayers a100 = new FusedLayers(true, true, 108, A100, CACHE);
        String kernel =
                a100.pointwise(bottleneck(320, 128, DataType.BFLOAT16))
                        .map(p -> p.forward().name())
                        .orElse("");
        assertEquals("pointwise_forward_short_bf16_128", kernel);
        assertTrue(a100.appended(appended(32, 48, 12, DataType.BFLOAT16)).isPresent());
        for (FusedLayers device : List.of(a100, new FusedLayers(true, true, 84, RTX, CACHE))) {
            assertTrue(device.appended(appended(14, 192, 48, DataType.BFLOAT16)).isEmpty());
            assertTrue(device.pointwise(bottleneck(96, 192, DataType.BFLOAT16)).isEmpty());
            assertTrue(device.appended(appended(14, 128, 32, DataType.FLOAT32)).isEmpty());
        }
    }

    @Test
    void tallTilesAreForManyRows() {
        DataType half = DataType.BFLOAT16;
        assertEquals(
                "pointwise_forward_kept_bf16_128",
                ON_H100.pointwise(bottleneck(256, 128, half)).orElseThrow().forward().name());
        assertEquals(
                "pointwise_forward_short_bf16_128",
                ON_H100.pointwise(bottleneck(256, 128, half).withRows(784))
                        .orElseThrow()
                        .forward()
                        .name());
        assertFalse(FusedLayers.NONE.pointwise(bottleneck(256, 128, half)).isPresent());
    }

    @Test
    void whatAPlanWantsComposedIsNotFused() {
        PointwiseShape composed = bottleneck(256, 128, DataType.BFLOAT16).asComposed();
        assertFalse(ON_H100.pointwise(composed).isPresent());
        assertFalse(ON_H100.memory(composed.withRows(784)).isPresent());
    }

    @Test
    void everyBlockHasAShareAndNoRowIsLeftOut() {
        for (int rows : new int[] {1, 191, 192, 193, 12_544, 802_816}) {
            RowShares s = RowShares.of(rows, 192, 132);
            assertTrue(s.blocks() <= 132);
            assertTrue((long) s.blocks() * s.rowsOfBlock() >= rows);
            assertTrue((s.blocks() - 1L) * s.rowsOfBlock() < rows);
        }
    }
}
