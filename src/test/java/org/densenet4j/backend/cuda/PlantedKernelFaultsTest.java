package org.densenet4j.backend.cuda;

import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.backend.DataType;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/**
 * Faults planted in the kernels of a dense layer are found when they are emulated: as a race or
 * another fault that the emulated machine reports, as another result, or as bank conflicts.
 */
class PlantedKernelFaultsTest {
    private static final LayerProgram NARROW =
            LayerProgram.of(DataType.BFLOAT16, 48, 12).orElseThrow();

    /** Whose 3x3 convolution has Z by panels, and whose gradients have parts of the channels. */
    private static final LayerProgram WIDE =
            LayerProgram.of(DataType.BFLOAT16, 192, 48).orElseThrow();

    private static final LayerProgram ROUNDED =
            LayerProgram.of(DataType.FLOAT32, 48, 12).orElseThrow();

    private static final Map<LayerProgram, FusedLayerRun.Result> RIGHT = new HashMap<>();

    @TempDir private Path folder;

    /** A change of one place of one file. */
    private record Fault(
            LayerProgram program, String what, String file, String right, String wrong) {
        Fault(String what, String file, String right, String wrong) {
            this(NARROW, what, file, right, wrong);
        }

        @Override
        public String toString() {
            return what;
        }
    }

    static List<Fault> faults() {
        return List.of(
                new Fault(
                        "a stage of the pipeline is waited for too late",
                        "pointwise_forward.cuh",
                        "cp_wait<STAGES - 2>",
                        "cp_wait<STAGES - 1>"),
                new Fault(
                        "a stage is filled again before everybody has read it",
                        "pointwise_forward.cuh",
                        "__syncthreads();\n                load_next();",
                        "load_next();"),
                new Fault(
                        "no warp barrier before finished rows are read",
                        "pointwise_forward.cuh",
                        "__syncwarp();\n                constexpr int CHUNKS",
                        "constexpr int CHUNKS"),
                new Fault(
                        "rows behind the last one are counted",
                        "fragments.cuh",
                        "const float d0 = inside ?",
                        "const float d0 = true ?"),
                new Fault(
                        "no barrier between dZ and its product",
                        "pointwise_backward.cuh",
                        "__syncthreads();\n            float dA",
                        "float dA"),
                new Fault(
                        "whole chunks are written behind the last column",
                        "pointwise_backward.cuh",
                        "if (bytes == CHUNK_BYTES) {",
                        "if (true) {"),
                new Fault(
                        "no barrier behind the normalised rows",
                        "appended_convolution.cuh",
                        "__syncthreads();\n            float sums",
                        "float sums"),
                new Fault(
                        "the right edge is not padded",
                        "pixel_ring.cuh",
                        "column + dx < width;",
                        "column + dx <= width;"),
                new Fault(
                        "taps of the data gradient are not turned",
                        "appended_gradient.cuh",
                        "tap(1 - tap / 3, 1 - tap % 3,",
                        "tap(tap / 3 - 1, 1 - tap % 3,"),
                new Fault(
                        "the ring is too small",
                        "pixel_ring.cuh",
                        "return inside ? r & (R - 1)",
                        "return inside ? r & (R / 2 - 1)"),
                new Fault(
                        "the rows of zeros are not written",
                        "pixel_ring.cuh",
                        "clear_zero_rows(unsigned char* shared, int R, int panelCount) {",
                        "clear_zero_rows(unsigned char* shared, int R, int panelCount) { return;"),
                new Fault(
                        "a tile is fetched over the one that is being read",
                        "pointwise_backward.cuh",
                        "load(tile - 1, STAGE - at);",
                        "load(tile - 1, at);"),
                new Fault(
                        "chunks of a panel are not twisted",
                        "panels.cuh",
                        "(chunk ^ twist<T>(row))",
                        "chunk"),
                new Fault(
                        WIDE,
                        "no barrier behind a normalised window",
                        "appended_convolution_by_panels.cuh",
                        "__syncthreads();  // behind it",
                        "// behind it"),
                new Fault(
                        "blocks of both gradients are counted together",
                        "appended_gradient.cuh",
                        "static_cast<int>(blockIdx.x / 2)}",
                        "static_cast<int>(blockIdx.x)}"),
                new Fault(
                        "the tile in front of a block's share is taken",
                        "pointwise_forward.cuh",
                        "tile >= share.first; tile--",
                        "tile >= share.first - 1; tile--"),
                new Fault(
                        ROUNDED,
                        "operands of products are not rounded to TF32",
                        "fragments.cuh",
                        "return uint4{tf32_bits(v[0]), tf32_bits(v[1]),",
                        "return uint4{tf32_bits(v[0]), __float_as_uint(v[1]),"),
                new Fault(
                        ROUNDED,
                        "chunks of four floats are twisted as those of eight bf16",
                        "panels.cuh",
                        "return (row & 3) << 1 | (row >> 2 & 1);",
                        "return row & 7;"),
                new Fault(
                        ROUNDED,
                        "both halves of a step have the pixels of the first",
                        "appended_gradient.cuh",
                        "lane % 4 + 4 * i);",
                        "lane % 4 + 0 * i);"),
                new Fault(
                        WIDE,
                        "every block has the first part of the channels",
                        "appended_gradient.cuh",
                        "return block % parts<CHANNELS, PART>() * PART;",
                        "return 0;"),
                new Fault(
                        WIDE,
                        "every warp has the first line of taps",
                        "appended_gradient.cuh",
                        "TAPS == 9 ? tap / 3 : tap0 / 3;",
                        "TAPS == 9 ? tap / 3 : tap0 / 9;"));
    }

    private static FusedLayerRun.Result right(LayerProgram program) {
        return RIGHT.computeIfAbsent(program, p -> FusedLayerRun.of(Emulation.open(), p, 1));
    }

    @ParameterizedTest
    @MethodSource("faults")
    void aPlantedFaultIsFound(Fault fault) throws IOException {
        Path sources = folder.resolve("cuda-kernels");
        try (Stream<Path> files = Files.walk(Path.of("cuda-kernels"))) {
            for (Path from : files.toList()) {
                Path to = folder.resolve(from.toString());
                if (Files.isDirectory(from)) {
                    Files.createDirectories(to);
                } else {
                    Files.copy(from, to);
                }
            }
        }
        Path file = sources.resolve(fault.file);
        String text = Files.readString(file);
        assertTrue(text.contains(fault.right), () -> fault.file + " has no " + fault.right);
        Files.writeString(file, text.replace(fault.right, fault.wrong));
        FusedLayerRun.Result right = right(fault.program);
        Emulation wrong = Emulation.of(fault.program, sources, folder);
        String found;
        try {
            FusedLayerRun.Result result = FusedLayerRun.of(wrong, fault.program, 1);
            found =
                    !Arrays.equals(right.memory(), result.memory())
                            ? "another result"
                            : result.conflicts() > 2 * right.conflicts() ? "bank conflicts" : "";
        } catch (AssertionError e) {
            found = e.getMessage();
        }
        assertTrue(!found.isEmpty(), () -> "nothing shows that " + fault);
    }
}
