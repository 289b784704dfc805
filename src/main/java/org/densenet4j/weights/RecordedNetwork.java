package org.densenet4j.weights;

import org.densenet4j.io.TensorFile;
import org.densenet4j.spec.DenseNetSpec;
import org.densenet4j.spec.NetworkShape;
import org.densenet4j.train.Checkpoint;

import java.io.IOException;
import java.nio.file.Path;
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
    static Optional<DenseNetSpec> of(Path path, TensorFile file) throws IOException {
        return Checkpoint.hasSpec(file.metadata())
                ? Optional.of(DenseNetSpec.of(Checkpoint.spec(path, file)))
                : Optional.empty();
    }

    /**
     * Compares it with what was given for the same number of classes.
     *
     * @throws WeightsException when the given network has other tensors
     * @throws IOException when it has the same, but is given for other images or another epsilon
     */
    static void check(
            Path path,
            TensorFile file,
            DenseNetSpec recorded,
            DenseNetSpec given,
            LoadOptions options)
            throws IOException {
        NetworkShape shape = NetworkShape.of(given);
        if (!NetworkShape.of(recorded).parameters().equals(shape.parameters())) {
            throw new WeightsException(
                    path,
                    "records that it is of "
                            + recorded
                            + ", not of "
                            + given
                            + "; leave --model, or the spec that was given, out",
                    report(path, file, shape, options));
        }
        DenseNetSpec usual = usual(given);
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
        if (given.bnEpsilon() != usual.bnEpsilon()) {
            requireEpsilon(path, recorded, given);
        }
    }

    /**
     * Refuses a network that would compute something else with the same weights.
     *
     * @throws IOException in one line with both
     */
    static void requireEpsilon(Path path, DenseNetSpec recorded, DenseNetSpec given)
            throws IOException {
        if (recorded.bnEpsilon() != given.bnEpsilon()) {
            throw new IOException(
                    path
                            + ": was trained with bnEpsilon "
                            + recorded.bnEpsilon()
                            + ", the network that was given has "
                            + given.bnEpsilon()
                            + " and would compute something else; build its spec with bnEpsilon("
                            + recorded.bnEpsilon()
                            + ")");
        }
    }

    private static boolean hasSize(DenseNetSpec spec, int height, int width) {
        return spec.inputHeight() == height && spec.inputWidth() == width;
    }

    /** What somebody has said nothing about. */
    private static DenseNetSpec usual(DenseNetSpec given) {
        try {
            return DenseNetSpec.preset(given.name()).build();
        } catch (IllegalArgumentException e) {
            return DenseNetSpec.builder().build(); // a spec of one's own
        }
    }

    private static WeightReport report(
            Path path, TensorFile file, NetworkShape shape, LoadOptions options)
            throws IOException {
        try {
            return WeightMatch.of(path, file, shape, options).report();
        } catch (WeightsException e) {
            return e.report();
        }
    }
}
