package org.densenet4j.weights;

import org.densenet4j.graph.NetworkSpec;
import org.densenet4j.spec.CondenseNetSpec;
import org.densenet4j.spec.FcDenseNetSpec;
import org.densenet4j.spec.ResNetSpec;

import java.util.Optional;

/**
 * What weights of others do not tell although people's networks differ in it, so that it was taken
 * for the usual: tensors are the same and results are not.
 */
final class Untold {
    /** PyTorch's, which the usual port of FC-DenseNet has. */
    static final double PORT_EPSILON = 1e-5;

    private Untold() {}

    /** One line of a file that records no network; empty where nothing was taken for granted. */
    static Optional<String> of(NetworkSpec spec) {
        return switch (spec) {
            case FcDenseNetSpec s -> batchNormalisation(s);
            case ResNetSpec s -> shortcuts(s);
            case CondenseNetSpec s -> condensation(s);
            default -> Optional.empty();
        };
    }

    /** Somebody who builds a spec with other values than both has said them. */
    private static Optional<String> batchNormalisation(FcDenseNetSpec spec) {
        double authors = FcDenseNetSpec.builder().build().bnEpsilon();
        boolean ofBatch = spec.evaluatesWithBatchStatistics();
        if (ofBatch && spec.bnEpsilon() == authors) {
            return Optional.of(
                    "the file does not tell its batch normalisation: taken as the authors', with"
                            + " statistics of the images that are run together and an epsilon of"
                            + " 1e-4; where --model is left out, it is the usual PyTorch port's,"
                            + " with running statistics and 1e-5");
        }
        if (!ofBatch && spec.bnEpsilon() == PORT_EPSILON) {
            return Optional.of(
                    "the file does not tell its batch normalisation: taken as the usual PyTorch"
                            + " port's, with running statistics and an epsilon of 1e-5; with"
                            + " --model fc-densenet103 and the like, it is the authors', with"
                            + " statistics of the images that are run together and 1e-4");
        }
        return Optional.empty();
    }

    /**
     * The authors' networks have as many groups as the factor says, and a stride of 2 for ImageNet.
     */
    private static Optional<String> condensation(CondenseNetSpec spec) {
        if (spec.condensationFactor() != spec.groups()) {
            return Optional.empty(); // somebody has said it
        }
        return Optional.of(
                "the file does not tell the stride of its first convolution, nor how much condensation"
                        + " takes away: taken for "
                        + spec.initialStride()
                        + " and, as the authors', for what leaves 1/"
                        + spec.condensationFactor()
                        + "; --model says otherwise");
    }

    private static Optional<String> shortcuts(ResNetSpec spec) {
        if (spec.shortcut() != ResNetSpec.Shortcut.SUBSAMPLED || spec.unitsPerStage().size() < 2) {
            return Optional.empty();
        }
        return Optional.of(
                "the file does not tell what its shortcuts fill new channels with, as they have no"
                        + " weights: taken as the authors', zeros behind the old channels; a port"
                        + " with zeros on both sides of them is another network");
    }
}
