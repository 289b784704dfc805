package org.densenet4j.graph;

import static java.util.Objects.requireNonNull;

import java.util.List;
import java.util.Optional;

/**
 * The sum of two reads: a residual connection (He et al. 2016, arXiv 1512.03385). A shortcut with
 * fewer channels than the sum counts as zero in the others, as the paper's option A has it.
 *
 * @param name of the operation
 * @param branch what the residual unit made
 * @param shortcut what went past it
 * @param relu whether a ReLU follows, so that the features are its output
 * @param target columns that it writes
 */
public record Addition(String name, Read branch, Read shortcut, boolean relu, Columns target)
        implements Node {

    /** Refuses reads of other sizes than the target's. */
    public Addition {
        requireNonNull(name, "name");
        requireNonNull(branch, "branch");
        requireNonNull(shortcut, "shortcut");
        requireNonNull(target, "target");
        if (branch.channels() != target.count() || shortcut.channels() > target.count()) {
            throw new GraphException(
                    "the sum '"
                            + name
                            + "' of "
                            + branch.channels()
                            + " and "
                            + shortcut.channels()
                            + " channels writes "
                            + target.count());
        }
        if (relu && branch instanceof Read.Raw) {
            throw new GraphException(
                    "the sum '" + name + "' has a ReLU behind it: its branch is normalised");
        }
        for (Read read : List.of(branch, shortcut)) {
            if (read.ranges().size() > 1 || read.isBehindRelu()) {
                throw new GraphException(
                        "the sum '"
                                + name
                                + "' reads columns of one matrix each, as they are or behind batch"
                                + " normalisation without ReLU");
            }
            Sizes.require(name, target.of(), read.height(), read.width());
        }
    }

    @Override
    public List<Read> reads() {
        return List.of(branch, shortcut);
    }

    @Override
    public Optional<Columns> writes() {
        return Optional.of(target);
    }

    @Override
    public List<ParameterSpec> parameters() {
        return new Tensors().norm(branch).norm(shortcut).list();
    }

    @Override
    public long multiplyAdds() {
        return 0;
    }

    @Override
    public List<Window> windows() {
        return List.of();
    }

    @Override
    public boolean readsAgain(Read read) {
        return requireNonNull(read, "read") instanceof Read.Normalised;
    }

    /** The ReLU's mask is read off its output. */
    @Override
    public boolean needsOutput() {
        return relu;
    }
}
