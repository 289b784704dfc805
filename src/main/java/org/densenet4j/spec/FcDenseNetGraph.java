package org.densenet4j.spec;

import org.densenet4j.graph.Columns;
import org.densenet4j.graph.ConvolutionLayer;
import org.densenet4j.graph.Drops;
import org.densenet4j.graph.Features;
import org.densenet4j.graph.Graph;
import org.densenet4j.graph.Initialisation;
import org.densenet4j.graph.Norm;
import org.densenet4j.graph.PixelClassifier;
import org.densenet4j.graph.Read;
import org.densenet4j.graph.TransitionDown;
import org.densenet4j.graph.TransitionUp;
import org.densenet4j.graph.Window;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.function.IntFunction;

/**
 * An FC-DenseNet as a graph, with the names of its usual PyTorch port. A level has two matrices:
 *
 * <pre>
 * down  [ input | new ... ]        the way down's block, and the skip connection
 * up    [ upsampled | new ... ]    the way up's block
 * </pre>
 *
 * <p>The concatenation [upsampled, skip, new ...] that the layers of the way up read is three
 * ranges of columns, so a skip connection copies nothing, and a level's second matrix lives only
 * where it is needed.
 */
final class FcDenseNetGraph {
    private final FcDenseNetSpec spec;
    private final Graph.Builder graph;
    private int draws;

    private FcDenseNetGraph(FcDenseNetSpec spec) {
        this.spec = spec;
        this.graph =
                Graph.builder(
                                spec.name(),
                                spec.inputHeight(),
                                spec.inputWidth(),
                                spec.inputChannels())
                        .initialisation(Initialisation.HE_UNIFORM)
                        .evaluatesWithBatchStatistics(spec.evaluatesWithBatchStatistics());
    }

    static Graph of(FcDenseNetSpec spec) {
        return new FcDenseNetGraph(spec).build();
    }

    private Graph build() {
        Deque<Features> skips = new ArrayDeque<>();
        Features x =
                block(
                        "down1",
                        spec.inputHeight(),
                        spec.inputWidth(),
                        spec.initialChannels(),
                        spec.downLayers().getFirst());
        Read.Raw images = Read.raw(graph.input().all());
        Columns first = x.prefix(spec.initialChannels());
        graph.add(
                new ConvolutionLayer(
                        "stem", images, Window.THREE, "firstconv", true, Drops.NOTHING, first));
        int levels = spec.downLayers().size();
        int entering = spec.initialChannels();
        for (int level = 1; level <= levels; level++) {
            Features down = x;
            String tensors = "denseBlocksDown." + (level - 1);
            layers("down" + level, tensors, down, entering, end -> List.of(down.prefix(end)));
            skips.push(down);
            x = transitionDown(level, down);
            entering = down.channels();
        }
        Features bottom = x;
        layers(
                "bottleneck",
                "bottleneck.bottleneck",
                bottom,
                entering,
                end -> List.of(bottom.prefix(end)));
        Columns made = x.columns(entering, x.channels() - entering);
        List<Columns> stack = List.of();
        for (int level = 1; level <= levels; level++) {
            Features skip = skips.pop();
            int layers = spec.upLayers().get(level - 1);
            Features up = block("up" + level, skip.height(), skip.width(), made.count(), layers);
            Columns upsampled = up.prefix(made.count());
            graph.add(
                    new TransitionUp(
                            "transitionup" + level,
                            Read.raw(made),
                            "transUpBlocks." + (level - 1) + ".convTrans",
                            upsampled));
            layers(
                    "up" + level,
                    "denseBlocksUp." + (level - 1),
                    up,
                    upsampled.end(),
                    end -> stack(upsampled, skip, end));
            made = up.columns(upsampled.end(), up.channels() - upsampled.end());
            stack = stack(upsampled, skip, up.channels());
        }
        return graph.add(
                        new PixelClassifier(
                                "head", new Read.Raw(stack), "finalConv", spec.classes()))
                .build();
    }

    private Features block(String name, int height, int width, int entering, int layers) {
        return new Features(name, height, width, entering + layers * spec.growthRate());
    }

    /**
     * The layers of a block.
     *
     * @param entering columns of its matrix that are there before its first layer
     * @param stack what is read once the block's matrix is written up to a column
     */
    private void layers(
            String block,
            String tensors,
            Features x,
            int entering,
            IntFunction<List<Columns>> stack) {
        int layer = 0;
        for (int c = entering; c < x.channels(); c += spec.growthRate()) {
            String weights = tensors + ".layers." + layer;
            layer++;
            graph.add(
                    new ConvolutionLayer(
                            block + ".layer" + layer,
                            new Read.Normalised(stack.apply(c), norm(weights), true),
                            Window.THREE,
                            weights + ".conv",
                            true,
                            drops(),
                            x.columns(c, spec.growthRate())));
        }
    }

    /** The concatenation of the way up in the order of its readers' weights. */
    private static List<Columns> stack(Columns upsampled, Features skip, int end) {
        int made = end - upsampled.end();
        return made == 0
                ? List.of(upsampled, skip.all())
                : List.of(upsampled, skip.all(), upsampled.of().columns(upsampled.end(), made));
    }

    /** Halves the images, into the matrix of the next block. */
    private Features transitionDown(int level, Features x) {
        int height = TransitionDown.POOL.output(x.height());
        int width = TransitionDown.POOL.output(x.width());
        boolean last = level == spec.downLayers().size();
        Features next =
                last
                        ? block("bottleneck", height, width, x.channels(), spec.bottleneckLayers())
                        : block(
                                "down" + (level + 1),
                                height,
                                width,
                                x.channels(),
                                spec.downLayers().get(level));
        String tensors = "transDownBlocks." + (level - 1);
        graph.add(
                new TransitionDown(
                        "transitiondown" + level,
                        Read.normalisedRelu(norm(tensors), x.all()),
                        tensors + ".conv",
                        drops(),
                        next.prefix(x.channels())));
        return next;
    }

    private Norm norm(String tensors) {
        return new Norm(tensors + ".norm", spec.bnEpsilon(), spec.bnMomentum());
    }

    /** Nodes drop with draws 1, 2, 3 ... in their order, which checkpoints continue with. */
    private Drops drops() {
        draws++;
        return new Drops(draws, spec.dropout(), 1);
    }
}
