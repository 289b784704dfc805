package org.densenet4j.insight;

import org.densenet4j.data.Batch;
import org.densenet4j.engine.Mode;
import org.densenet4j.engine.Network;
import org.densenet4j.engine.Pass;
import org.densenet4j.graph.Node;
import org.densenet4j.graph.PixelHead;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;

/**
 * Which connections of a trained network could go: all connections, weakest first, and what is left
 * of the accuracy when the weakest are masked, that is, when their weights are set to zero.
 *
 * <p>Nothing is trained again after masking, so this is the least that a pruned network reaches.
 *
 * @param ranking how weakness was measured
 * @param connections all connections, weakest first
 * @param rows one for each share, ascending; the first is the network as it is
 */
public record PruneReport(Ranking ranking, List<Connection> connections, List<Row> rows) {
    /**
     * The network with some connections masked.
     *
     * @param share of all connections that was asked for, 0 to 1
     * @param masked connections masked: the first ones of {@link PruneReport#connections}
     * @param maskedWeights weights set to zero
     * @param allWeights weights of all connections
     * @param loss mean softmax cross-entropy on the data
     * @param correct images whose highest logit is their label
     * @param images images of the data
     */
    public record Row(
            double share,
            int masked,
            long maskedWeights,
            long allWeights,
            double loss,
            long correct,
            long images) {
        /** {@return share of correct images} */
        public double accuracy() {
            return (double) correct / images;
        }
    }

    /** Gives the same batches each time it is asked, of at most the plan's size. */
    @FunctionalInterface
    public interface Data {
        /**
         * Starts again from the first batch.
         *
         * @return the batches, the same ones each time
         */
        Iterable<Batch> batches();
    }

    /** Keeps copies of the lists. */
    public PruneReport {
        connections = List.copyOf(connections);
        rows = List.copyOf(rows);
    }

    /**
     * {@return masks the weakest connections in steps and measures the loss and accuracy of each}
     * The network has its own weights again afterwards, also after an exception.
     *
     * @param network with trained weights, which are put back at the end
     * @param ranking which connections go first
     * @param shares shares of all connections to mask, above 0 and up to 1
     * @param data what accuracy is measured on
     * @throws IllegalArgumentException for a share out of range, data without images, a network
     *     without connections to compare, or one that labels pixels
     */
    public static PruneReport of(Network network, Ranking ranking, List<Double> shares, Data data) {
        Objects.requireNonNull(network, "network");
        Objects.requireNonNull(ranking, "ranking");
        Objects.requireNonNull(shares, "shares");
        Objects.requireNonNull(data, "data");
        for (Double share : shares) {
            Objects.requireNonNull(share, "shares");
            if (!(share > 0 && share <= 1)) {
                throw new IllegalArgumentException(
                        "share = " + share + ": use numbers above 0 and up to 1");
            }
        }
        for (Node head : network.plan().spec().graph().heads()) {
            if (head instanceof PixelHead) {
                throw new IllegalArgumentException(
                        "'"
                                + head.name()
                                + "' labels pixels: a prune report measures the accuracy of whole"
                                + " images");
            }
        }
        List<Connection> weakest =
                FeatureReuse.of(network).connections().stream()
                        .sorted(ranking.weakestFirst())
                        .toList();
        Map<String, float[]> saved = new HashMap<>();
        for (Connection c : weakest) {
            saved.computeIfAbsent(c.weightName(), network::parameter);
        }
        long allWeights = weakest.stream().mapToLong(Connection::weights).sum();
        List<Row> rows = new ArrayList<>();
        try {
            rows.add(measure(network, data, 0, 0, 0, allWeights));
            for (double share : shares.stream().sorted().distinct().toList()) {
                int count = (int) Math.round(share * weakest.size());
                List<Connection> masked = weakest.subList(0, count);
                mask(network, masked, saved);
                long maskedWeights = masked.stream().mapToLong(Connection::weights).sum();
                rows.add(measure(network, data, share, count, maskedWeights, allWeights));
            }
        } finally {
            saved.forEach(network::parameter);
        }
        return new PruneReport(ranking, weakest, rows);
    }

    private static void mask(
            Network network, List<Connection> masked, Map<String, float[]> original) {
        Map<String, float[]> changed = new HashMap<>();
        Map<String, InputWeight> byName = new HashMap<>();
        for (Node node : network.plan().spec().graph().nodes()) {
            InputWeight.of(node).ifPresent(w -> byName.put(w.name(), w));
        }
        for (Connection c : masked) {
            float[] values =
                    changed.computeIfAbsent(c.weightName(), name -> original.get(name).clone());
            byName.get(c.weightName()).zero(values, c.firstChannel(), c.channels());
        }
        changed.forEach(network::parameter);
    }

    private static Row measure(
            Network network,
            Data data,
            double share,
            int masked,
            long maskedWeights,
            long allWeights) {
        double loss = 0;
        long correct = 0;
        long images = 0;
        for (Batch batch : data.batches()) {
            Pass pass = new Pass(batch.size(), Mode.EVALUATE, 0, 0);
            network.input(batch.images(), batch.size());
            network.forward(pass);
            loss += network.loss(pass, batch.labels(), 0, batch.size()) * batch.size();
            correct += correct(network.logits(batch.size()), batch.labels());
            images += batch.size();
        }
        if (images == 0) {
            throw new IllegalArgumentException("there are no images to measure the accuracy on");
        }
        return new Row(share, masked, maskedWeights, allWeights, loss / images, correct, images);
    }

    private static int correct(float[] logits, int[] labels) {
        int classes = logits.length / labels.length;
        int correct = 0;
        for (int i = 0; i < labels.length; i++) {
            int best = 0;
            for (int c = 1; c < classes; c++) {
                if (logits[i * classes + c] > logits[i * classes + best]) {
                    best = c;
                }
            }
            correct += best == labels[i] ? 1 : 0;
        }
        return correct;
    }

    /**
     * {@return the largest measured share that costs at most {@code tolerance} of accuracy, or
     * empty when even the smallest costs more}
     *
     * @param tolerance in accuracy, such as 0.005 for half a percentage point; a negative one asks
     *     for a gain
     */
    public Optional<Row> largestWithin(double tolerance) {
        if (Double.isNaN(tolerance)) {
            throw new IllegalArgumentException(
                    "tolerance = NaN: use a difference of accuracy, such as 0.005");
        }
        if (rows.isEmpty()) {
            return Optional.empty();
        }
        double least = rows.getFirst().accuracy() - tolerance;
        Row found = null;
        for (Row row : rows.subList(1, rows.size())) {
            if (row.accuracy() < least) {
                break;
            }
            found = row;
        }
        return Optional.ofNullable(found);
    }
}
