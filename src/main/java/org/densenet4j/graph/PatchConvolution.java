package org.densenet4j.graph;

import static java.util.Objects.requireNonNull;

import java.util.List;
import java.util.Optional;

/**
 * A convolution of patches that lie side by side, with a bias and a layer normalisation: the stem
 * of an RDNet (Kim et al. 2024, arXiv 2403.19588), which is normalised behind the convolution, and
 * its transitions, which are normalised before it.
 *
 * @param name of the operation
 * @param source what it reads
 * @param patch height and width of a patch; edges that fill none are dropped
 * @param convolution name of the convolution's tensors
 * @param norm of its input or of its output
 * @param place where the normalisation stands
 * @param target columns that it writes
 */
public record PatchConvolution(
        String name,
        Read.Raw source,
        int patch,
        String convolution,
        LayerNorm norm,
        NormPlace place,
        Columns target)
        implements Node {

    /** Where the normalisation stands. */
    public enum NormPlace {
        /** Before the convolution, as in transitions. */
        BEFORE,
        /** Behind it, as in stems. */
        BEHIND
    }

    /** Refuses a target of another size than the convolution's output. */
    public PatchConvolution {
        requireNonNull(name, "name");
        requireNonNull(source, "source");
        requireNonNull(convolution, "convolution");
        requireNonNull(norm, "norm");
        requireNonNull(place, "place");
        requireNonNull(target, "target");
        if (source.ranges().size() > 1) {
            throw new GraphException(
                    "the node '" + name + "' normalises pixels: it reads columns of one matrix");
        }
        Window window = new Window(patch, patch, 0);
        Sizes.require(name, target.of(), window, source.height(), source.width());
    }

    /** {@return the convolution's window} */
    public Window window() {
        return new Window(patch, patch, 0);
    }

    /** {@return whether what is read is normalised before the convolution} */
    public boolean normalisesInput() {
        return place == NormPlace.BEFORE;
    }

    @Override
    public List<Read> reads() {
        return List.of(source);
    }

    @Override
    public Optional<Columns> writes() {
        return Optional.of(target);
    }

    @Override
    public List<ParameterSpec> parameters() {
        Tensors tensors = new Tensors();
        if (normalisesInput()) {
            tensors.norm(norm, source.channels());
        }
        tensors.convolution(convolution, target.count(), source.channels(), patch, true);
        if (!normalisesInput()) {
            tensors.norm(norm, target.count());
        }
        return tensors.list();
    }

    @Override
    public long multiplyAdds() {
        return (long) target.of().pixels() * target.count() * source.channels() * patch * patch;
    }

    @Override
    public List<Window> windows() {
        return List.of(window());
    }
}
