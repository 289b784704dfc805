package org.densenet4j.profile;

import org.densenet4j.graph.Addition;
import org.densenet4j.graph.BottleneckLayer;
import org.densenet4j.graph.Classifier;
import org.densenet4j.graph.ConvolutionLayer;
import org.densenet4j.graph.DepthwiseLayer;
import org.densenet4j.graph.Node;
import org.densenet4j.graph.ParameterSpec;
import org.densenet4j.graph.PatchConvolution;
import org.densenet4j.graph.PixelClassifier;
import org.densenet4j.graph.PixelLogits;
import org.densenet4j.graph.PooledConvolution;
import org.densenet4j.graph.Pooling;
import org.densenet4j.graph.Read;
import org.densenet4j.graph.Transition;
import org.densenet4j.graph.TransitionDown;
import org.densenet4j.graph.TransitionUp;
import org.densenet4j.plan.MemoryPlan;
import org.densenet4j.plan.MemoryStrategy;
import org.densenet4j.plan.NetworkMemory;

import java.util.HashMap;
import java.util.Map;

/** Counts what {@link OperationCost} says, kind by kind. */
final class CostCounter {
    private final MovedElements moved;
    private final boolean naive;
    private final boolean recompute;
    private final long images;
    private final long element;
    private final Map<String, OperationCost> forward = new HashMap<>();
    private final Map<String, OperationCost> backward = new HashMap<>();

    CostCounter(MemoryPlan plan) {
        NetworkMemory memory = plan.memory();
        this.moved = new MovedElements(plan);
        this.naive = plan.strategy() == MemoryStrategy.NAIVE;
        this.recompute = plan.strategy() == MemoryStrategy.RECOMPUTE;
        this.images = plan.batch();
        this.element = memory.input().type().bytes();
        memory.graph().nodes().forEach(this::count);
        long logits =
                memory.losses().values().stream()
                        .mapToLong(loss -> images * loss.labelsPerImage() * loss.classes())
                        .sum();
        forward.put("loss", new OperationCost(0, 2 * logits * Float.BYTES, 0, 0));
        long updated = 5L * memory.parameters().columns();
        backward.put("optimiser", new OperationCost(0, updated * Float.BYTES, 0, 0));
    }

    /** The cost of an operation of the schedule. */
    OperationCost cost(String name, boolean inForward) {
        return (inForward ? forward : backward).get(name);
    }

    private void count(Node node) {
        switch (node) {
            case BottleneckLayer n -> bottleneckLayer(n);
            case ConvolutionLayer n -> convolutionLayer(n);
            case PooledConvolution n -> pooledConvolution(n);
            case Transition n -> transition(n);
            case TransitionDown n -> transitionDown(n);
            case TransitionUp n -> transitionUp(n);
            case DepthwiseLayer n -> depthwiseLayer(n);
            case PatchConvolution n -> patchConvolution(n);
            case Pooling n -> pooling(n);
            case Addition n -> addition(n);
            case Classifier n -> classifier(n);
            case PixelClassifier n -> pixelClassifier(n);
            case PixelLogits n -> pixelLogits(n);
        }
    }

    // ---------------------------------------------------------------- kinds

    private void bottleneckLayer(BottleneckLayer n) {
        long x = moved.read(n.source());
        long z = images * n.innerPixels() * n.width();
        long reduction = 2 * z * n.prefixChannels();
        long flops = flops(n);
        long weight1 = (long) n.prefixChannels() * n.width();
        Pass pass = new Pass(n, weight1);
        pass.forward(flops, x + 2 * z + moved.written(n) + (naive ? 3 * x + 2 * z : 0));
        long elements = x + moved.gradient(n, 0) + 5 * z + moved.writtenGradient(n);
        if (naive) {
            pass.backward(2 * flops, elements + 6 * x + 4 * z, 0, 0);
        } else if (recompute) {
            // The prefix's outputs are made twice: for Z, and for the weight gradient.
            pass.backward(2 * flops + reduction, elements + x + z, reduction, 2 * x + z);
        } else {
            pass.backward(2 * flops, elements, 0, x + z);
        }
    }

    private void convolutionLayer(ConvolutionLayer n) {
        long x = moved.read(n.source());
        long flops = flops(n);
        boolean copies = naive && n.source().isNormalised();
        boolean l2 = n.source() instanceof Read.L2Normalised;
        long kept = naive && l2 ? x : 0;
        Pass pass = new Pass(n, 0);
        pass.forward(flops, x + moved.written(n) + kept + (copies ? 3 * x : 0));
        pass.backward(
                moved.wantsGradient(n.source()) ? 2 * flops : flops,
                x + moved.gradient(n, 0) + moved.writtenGradient(n) + kept + (copies ? 6 * x : 0),
                0,
                naive ? 0 : l2 ? x : moved.normalised(n.source()));
    }

    private void pooledConvolution(PooledConvolution n) {
        long x = moved.read(n.source());
        long convolved = images * n.convolvedHeight() * n.convolvedWidth() * n.target().count();
        long flops = flops(n);
        long gradients = moved.wantsGradient(n.source()) ? 2 * flops : flops;
        // Two passes: for the sums of the normalisation, and to correct by them.
        long elements = moved.gradient(n, 0) + 2 * moved.writtenGradient(n);
        Pass pass = new Pass(n, 0);
        if (recompute) {
            // The convolution runs for its statistics, for the pool, and twice backwards.
            pass.forward(2 * flops, 2 * x + moved.written(n), flops);
            pass.backward(gradients + 2 * flops, elements + 2 * x, 2 * flops, 2 * convolved);
        } else {
            pass.forward(flops, x + (naive ? 3 : 2) * convolved + moved.written(n));
            pass.backward(gradients, elements + x + 2 * convolved, 0, 2 * convolved);
        }
    }

    /** The convolution runs behind the pool, whose output is made again under every strategy. */
    private void transition(Transition n) {
        long x = moved.read(n.source());
        long weights = (long) n.source().channels() * n.target().count();
        long flops = 2 * images * n.target().of().pixels() * weights;
        Pass pass = new Pass(n, weights);
        pass.forward(flops, x + moved.written(n) + (naive ? x : 0));
        pass.backward(2 * flops, back(n, x), 0, x);
    }

    /** Under every strategy the convolution runs again, to find the maxima. */
    private void transitionDown(TransitionDown n) {
        long x = moved.read(n.source());
        long out = (long) n.source().height() * n.source().width() * n.target().count();
        long flops = flops(n);
        Pass pass = new Pass(n, (long) n.source().channels() * n.target().count());
        pass.forward(flops, x + moved.written(n) + (naive ? x + images * out : 0));
        pass.backward(3 * flops, back(n, x), flops, x);
    }

    private void transitionUp(TransitionUp n) {
        long x = moved.read(n.source());
        long flops = flops(n);
        Pass pass = new Pass(n, 0);
        pass.forward(flops, x + moved.written(n));
        pass.backward(2 * flops, back(n, x), 0, 0);
    }

    /**
     * The middle and the depthwise convolution's output are written, and read where they are kept;
     * the new channels are made again to find the gradient of their scales, but by NAIVE.
     */
    private void depthwiseLayer(DepthwiseLayer n) {
        long x = moved.read(n.source());
        long rows = images * n.target().of().pixels();
        long middle = rows * n.width();
        long flops = flops(n);
        long projection = 2 * middle * n.growthRate();
        Pass pass = new Pass(n, (long) n.width() * (n.prefixChannels() + n.growthRate()));
        long written = moved.written(n);
        if (recompute) {
            pass.forward(flops, x + written);
            pass.backward(3 * flops, back(n, 2 * x), flops, x);
        } else if (naive) {
            long copies = 2 * x + 2 * middle + written;
            pass.forward(flops, x + x + middle + written + copies);
            pass.backward(2 * flops, back(n, x + x + middle + copies), 0, 0);
        } else {
            pass.forward(flops, x + x + middle + written);
            pass.backward(2 * flops + projection, back(n, x + x + middle), projection, 0);
        }
    }

    private void patchConvolution(PatchConvolution n) {
        long x = moved.read(n.source());
        long flops = flops(n);
        boolean before = n.normalisesInput();
        Pass pass = new Pass(n, 0);
        long copies = naive ? before ? 2 * x : moved.written(n) : 0;
        long gradients = before || moved.wantsGradient(n.source()) ? 2 * flops : flops;
        long again = before || naive ? 0 : flops;
        pass.forward(flops, x + moved.written(n) + copies);
        pass.backward(gradients + again, back(n, x + copies), again, 0);
    }

    private void pooling(Pooling n) {
        long x = moved.read(n.source());
        long normalised = moved.normalised(n.source());
        boolean maxima = n.kind() != Pooling.Kind.AVERAGE;
        Pass pass = new Pass(n, 0);
        pass.forward(0, x + moved.written(n) + (naive ? normalised : 0));
        pass.backward(0, back(n, maxima ? x : normalised), 0, maxima ? normalised : 0);
    }

    private void addition(Addition n) {
        long terms = moved.read(n.branch()) + moved.read(n.shortcut());
        Pass pass = new Pass(n, 0);
        pass.forward(0, terms + moved.written(n));
        boolean mask = n.relu() && !moved.readsOutputAgain(n);
        long again = moved.normalised(n.branch()) + moved.normalised(n.shortcut());
        pass.backward(0, back(n, again + (mask ? moved.written(n) : 0)), 0, 0);
    }

    /** What lies behind the pool is not counted: a number for each image. */
    private void classifier(Classifier n) {
        long normalised = moved.normalised(n.source());
        long flops = flops(n);
        Pass pass = new Pass(n, 0);
        pass.forward(flops, moved.read(n.source()) + (naive ? normalised : 0));
        pass.backward(2 * flops, back(n, normalised), 0, 0);
    }

    private void pixelClassifier(PixelClassifier n) {
        long x = moved.read(n.source());
        long logits = images * n.source().height() * n.source().width() * n.classes();
        long flops = flops(n);
        Pass pass = new Pass(n, 0, logits);
        pass.forward(flops, x);
        pass.backward(2 * flops, back(n, x), 0, moved.normalised(n.source()));
    }

    private void pixelLogits(PixelLogits n) {
        long x = moved.read(n.source());
        Pass pass = new Pass(n, 0, x); // as many as logits
        pass.forward(0, x);
        pass.backward(0, back(n, moved.normalised(n.source())), 0, 0);
    }

    // ---------------------------------------------------------------- sums

    private long flops(Node node) {
        return 2 * images * node.multiplyAdds();
    }

    /** What the backward pass of a node moves that reads so much again. */
    private long back(Node node, long again) {
        long elements = again + moved.writtenGradient(node);
        for (int i = 0; i < node.reads().size(); i++) {
            elements += moved.gradient(node, i) + correctedAtOnce(node.reads().get(i));
        }
        return elements;
    }

    /** NAIVE's pass over the gradient of what it read and the values of that. */
    private long correctedAtOnce(Read read) {
        return naive ? 3 * moved.normalised(read) : 0;
    }

    /** The two passes of a node: activations, and what is moved beside them. */
    private final class Pass {
        private final String name;
        private final long parameters;
        private final long bytesBeside;

        /**
         * Passes of a node.
         *
         * @param operands parameters that are read in the activations' type
         */
        Pass(Node node, long operands) {
            this(node, operands, 0);
        }

        /** The same with logits, which are float32. */
        Pass(Node node, long operands, long logits) {
            this.name = node.name();
            this.parameters = node.parameters().stream().mapToLong(ParameterSpec::count).sum();
            this.bytesBeside = (parameters - operands + logits) * Float.BYTES + operands * element;
        }

        void forward(long flops, long elements) {
            forward(flops, elements, 0);
        }

        void forward(long flops, long elements, long recomputedFlops) {
            long bytes = elements * element + bytesBeside;
            forward.put(name, new OperationCost(flops, bytes, recomputedFlops, 0));
        }

        void backward(long flops, long elements, long recomputedFlops, long recomputedElements) {
            long bytes = elements * element + bytesBeside + 2 * parameters * Float.BYTES;
            backward.put(
                    name, new OperationCost(flops, bytes, recomputedFlops, recomputedElements));
        }
    }
}
