package org.densenet4j.profile;

import java.util.List;

/**
 * Memory of a training step as others have published it, on their hardware: DenseNet-BC with 100
 * layers, k = 12, batch 64, 32x32 images.
 *
 * @param implementation framework and variant
 * @param bytes peak memory of the GPU
 * @param secondsPerStep time of a step
 * @param source where it was published
 */
public record PublishedFigure(
        String implementation, long bytes, double secondsPerStep, String source) {
    private static final String LUA_TORCH =
            "github.com/liuzhuang13/DenseNet/tree/master/models, NVIDIA Titan X";
    private static final String PYTORCH =
            "github.com/gpleiss/efficient_densenet_pytorch, NVIDIA Pascal Titan X";

    /** All of them. */
    public static final List<PublishedFigure> ALL =
            List.of(
                    luaTorch(0, 5453, 0.153),
                    luaTorch(1, 3746, 0.153),
                    luaTorch(2, 2969, 0.152),
                    luaTorch(3, 2188, 0.155),
                    luaTorch(4, 1655, 0.175),
                    new PublishedFigure("PyTorch naive", 2863_000_000L, 0.165, PYTORCH),
                    new PublishedFigure("PyTorch efficient", 1605_000_000L, 0.207, PYTORCH));

    private static PublishedFigure luaTorch(int level, long megabytes, double seconds) {
        return new PublishedFigure(
                "LuaTorch, optMemory " + level, megabytes * 1_000_000, seconds, LUA_TORCH);
    }

    /** Whether a comparison is about the same network and batch. */
    static boolean isComparable(Comparison c) {
        return c.spec().name().equals("bc-100-12") && c.batch() == 64;
    }
}
