package org.densenet4j.plan;

import org.densenet4j.backend.Matrix;
import org.densenet4j.graph.Node;
import org.densenet4j.graph.ParameterSpec;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;

/**
 * A part of the gradients that is sent to the other ranks while the backward pass goes on.
 *
 * <p>Each gradient is finished by the backward operation of its own node. Weights lie in the order
 * of the nodes, so the backward pass finishes them from behind: after the operation of node
 * <i>i</i> all weights from there on are what they will be. Scales, shifts and biases lie behind
 * the weights (see {@link ParameterLayout}) and go with the last bucket; they are few.
 *
 * <p>Where the weights are cut is chosen by a model of a step: operations take as long as their
 * multiply-adds are many, buckets go one after the other, each when it is finished, and all of them
 * together take as long as the backward pass. Of all cuts those are taken after which the last
 * bucket arrives first. On a faster network there is little left to hide, and on a slower one the
 * wire is always busy, whatever the cuts.
 *
 * @param operation of the schedule, after which it is finished
 * @param parts of the gradients' vector, sent together
 */
public record GradientBucket(int operation, List<Matrix> parts) {
    /**
     * More hide hardly more, and each costs a message's latency: with three, 93 % of DenseNet-121's
     * gradients are under way when half of its backward pass is over.
     */
    private static final int MOST = 3;

    /** Keeps a copy of the parts. */
    public GradientBucket {
        parts = List.copyOf(Objects.requireNonNull(parts, "parts"));
    }

    /** {@return bytes of all parts} */
    public long bytes() {
        return parts.stream().mapToLong(Matrix::bytes).sum();
    }

    /**
     * {@return the buckets of a training step, in the order in which the backward pass finishes
     * them: together all gradients, once each}
     *
     * @param plan of the step
     */
    public static List<GradientBucket> of(MemoryPlan plan) {
        Objects.requireNonNull(plan, "plan");
        return new Cutter(plan).cut();
    }

    /** A place where the weights may be cut: in front of a node's. */
    private record Place(int start, int operation, double ready) {}

    /** Tries all cuts of one plan. */
    private static final class Cutter {
        private final NetworkMemory memory;
        private final int weights;
        private final int last;
        private final List<Place> places = new ArrayList<>();

        Cutter(MemoryPlan plan) {
            this.memory = plan.memory();
            this.weights = memory.parameterLayout().weightsEnd();
            List<Node> nodes = memory.graph().nodes();
            this.last = plan.schedule().backward(nodes.getFirst());
            double all = Math.max(1, nodes.stream().mapToLong(Node::multiplyAdds).sum());
            int start = weights;
            long done = 0;
            for (Node node : nodes.reversed()) {
                done += node.multiplyAdds();
                int first = Math.min(start, firstWeight(node));
                if (first < start) {
                    start = first;
                    places.add(new Place(start, plan.schedule().backward(node), done / all));
                }
            }
        }

        private int firstWeight(Node node) {
            Matrix vector = memory.parameterGradients();
            return node.parameters().stream()
                    .filter(p -> p.role().isWeight())
                    .map(ParameterSpec::name)
                    .mapToInt(name -> index(memory.parameterLayout().in(vector, name)))
                    .min()
                    .orElse(weights);
        }

        private int index(Matrix part) {
            long bytes = part.offset() - memory.parameterGradients().offset();
            return Math.toIntExact(bytes / Float.BYTES);
        }

        List<GradientBucket> cut() {
            return buckets(best(List.of(), 0));
        }

        /** The best of these cuts and of what they become with more, from a place on. */
        private List<Place> best(List<Place> cuts, int next) {
            List<Place> best = cuts;
            for (int i = next; i < places.size() && cuts.size() + 1 < MOST; i++) {
                List<Place> more = new ArrayList<>(cuts);
                more.add(places.get(i));
                List<Place> found = best(more, i + 1);
                if (arrival(found) < arrival(best)) {
                    best = found;
                }
            }
            return best;
        }

        /** When the last bucket arrives, in durations of the backward pass. */
        private double arrival(List<Place> cuts) {
            double length = memory.parameterGradients().columns();
            double time = 0;
            int end = weights;
            for (Place cut : cuts) {
                time = Math.max(time, cut.ready()) + (end - cut.start()) / length;
                end = cut.start();
            }
            return Math.max(time, 1) + (end + length - weights) / length;
        }

        private List<GradientBucket> buckets(List<Place> cuts) {
            Matrix vector = memory.parameterGradients();
            List<GradientBucket> all = new ArrayList<>();
            int end = weights;
            for (Place cut : cuts) {
                Matrix part = vector.columns(cut.start(), end - cut.start());
                all.add(new GradientBucket(cut.operation(), List.of(part)));
                end = cut.start();
            }
            List<Matrix> rest = new ArrayList<>();
            if (end > 0) {
                rest.add(vector.columns(0, end));
            }
            if (weights < vector.columns()) {
                rest.add(vector.columns(weights, vector.columns() - weights));
            }
            if (cuts.isEmpty()) {
                rest = List.of(vector); // One message, in one piece.
            }
            all.add(new GradientBucket(last, rest));
            return List.copyOf(all);
        }
    }
}
