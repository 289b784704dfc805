package org.densenet4j.weights;

import org.densenet4j.graph.Graph;
import org.densenet4j.graph.NetworkSpec;
import org.densenet4j.graph.Node;
import org.densenet4j.graph.Norm;
import org.densenet4j.graph.Read;
import org.densenet4j.io.TensorFile;
import org.densenet4j.spec.CondenseNetSpec;
import org.densenet4j.spec.DenseNetSpec;
import org.densenet4j.spec.DsodSpec;
import org.densenet4j.spec.FamilySpec;
import org.densenet4j.spec.FcDenseNetSpec;
import org.densenet4j.spec.MsdNetSpec;
import org.densenet4j.spec.RdNetSpec;
import org.densenet4j.spec.ResNetSpec;
import org.densenet4j.spec.SpecMetadata;
import org.densenet4j.train.Checkpoint;

import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/**
 * The network that a file of this project records. It decides, because it also has what tensors do
 * not tell: the size of images and the epsilon of batch normalisation. A spec that is given beside
 * it may say the same or nothing about these two, as a preset does, but nothing else.
 */
final class RecordedNetwork {
    private RecordedNetwork() {}

    /**
     * What the metadata say; empty for files of others.
     *
     * @throws IOException in one line when it is broken
     */
    static Optional<NetworkSpec> of(Path path, TensorFile file) throws IOException {
        return Checkpoint.hasSpec(file.metadata())
                ? Optional.of(Checkpoint.spec(path, file))
                : Optional.empty();
    }

    /**
     * Compares it with what was given for the same number of classes.
     *
     * @throws WeightsException when the given network has other tensors
     * @throws IOException when it has the same, but is given for other images or another epsilon,
     *     or is a graph that differs
     */
    static void check(
            Path path,
            TensorFile file,
            NetworkSpec recorded,
            NetworkSpec given,
            LoadOptions options)
            throws IOException {
        if (!recorded.graph().parameters().equals(given.graph().parameters())) {
            throw new WeightsException(
                    path,
                    "records that it is of "
                            + recorded
                            + ", not of "
                            + given
                            + "; leave --model, or the spec that was given, out",
                    report(path, file, given, options));
        }
        if (!(recorded instanceof FamilySpec ofFile && given instanceof FamilySpec wanted)) {
            String difference = SpecMetadata.difference(recorded, given).orElse(null);
            if (difference != null) {
                throw new IOException(
                        path
                                + ": records the network "
                                + recorded
                                + ", the one that was given is "
                                + given
                                + ": "
                                + difference
                                + "; leave it out");
            }
            return;
        }
        FamilySpec usual = usual(wanted);
        boolean otherSize =
                !hasSize(given, recorded.inputHeight(), recorded.inputWidth())
                        && !hasSize(given, usual.inputHeight(), usual.inputWidth());
        if (otherSize) {
            throw new IOException(
                    path
                            + ": records images of "
                            + recorded.inputHeight()
                            + "x"
                            + recorded.inputWidth()
                            + ", the spec that was given has "
                            + given.inputHeight()
                            + "x"
                            + given.inputWidth()
                            + "; leave the spec out and use Model.withInputSize");
        }
        if (wanted.bnEpsilon() != usual.bnEpsilon()) {
            requireEpsilon(path, ofFile, wanted);
        }
    }

    /**
     * Refuses a network that would compute something else with the same weights.
     *
     * @throws IOException in one line with both
     */
    static void requireEpsilon(Path path, NetworkSpec recorded, NetworkSpec given)
            throws IOException {
        Map<String, Double> epsilons = epsilons(given.graph());
        for (Map.Entry<String, Double> norm : epsilons(recorded.graph()).entrySet()) {
            double trained = norm.getValue();
            double wanted = epsilons.getOrDefault(norm.getKey(), trained);
            if (trained != wanted) {
                throw new IOException(
                        path
                                + ": was trained with bnEpsilon "
                                + trained
                                + ", the network that was given has "
                                + wanted
                                + " and would compute something else; build its spec with"
                                + " bnEpsilon("
                                + trained
                                + ")");
            }
        }
    }

    /** The epsilon of every batch normalisation by its name. */
    private static Map<String, Double> epsilons(Graph graph) {
        Map<String, Double> epsilons = new LinkedHashMap<>();
        for (Node node : graph.nodes()) {
            for (Read read : node.reads()) {
                if (read instanceof Read.Normalised n) {
                    put(epsilons, n.norm());
                }
            }
            node.outputNorm().ifPresent(n -> put(epsilons, n));
            node.innerNorms().forEach(inner -> put(epsilons, inner.norm()));
        }
        return epsilons;
    }

    private static void put(Map<String, Double> epsilons, Norm norm) {
        epsilons.put(norm.name(), norm.epsilon());
    }

    private static boolean hasSize(NetworkSpec spec, int height, int width) {
        return spec.inputHeight() == height && spec.inputWidth() == width;
    }

    /** What somebody has said nothing about. */
    private static FamilySpec usual(FamilySpec given) {
        try {
            return FamilySpec.preset(given.name()).build();
        } catch (IllegalArgumentException e) {
            return switch (given) { // a spec of one's own
                case DenseNetSpec _ -> DenseNetSpec.builder().build();
                case FcDenseNetSpec _ -> FcDenseNetSpec.builder().build();
                case ResNetSpec _ -> ResNetSpec.builder().build();
                case CondenseNetSpec _ -> CondenseNetSpec.builder().build();
                case MsdNetSpec _ -> MsdNetSpec.builder().build();
                case RdNetSpec _ -> RdNetSpec.builder().build();
                case DsodSpec _ -> DsodSpec.builder().build();
            };
        }
    }

    private static WeightReport report(
            Path path, TensorFile file, NetworkSpec spec, LoadOptions options) throws IOException {
        try {
            return WeightMatch.of(path, file, spec, options).report();
        } catch (WeightsException e) {
            return e.report();
        }
    }
}
