package org.densenet4j.graph;

import static java.util.Objects.requireNonNull;

import org.densenet4j.graph.ParameterSpec.Role;

import java.util.List;
import java.util.Optional;

/**
 * A transition up of FC-DenseNet: a transposed 3x3 convolution with stride 2 and bias, whose (2h +
 * 1)x(2w + 1) pixels are cropped around their centre to the size of the skip connection (Jégou et
 * al. 2017, arXiv 1611.09326, section 3.1).
 *
 * @param name of the operation
 * @param source what it reads
 * @param convolution name of its tensors, whose weight is [in, out, 3, 3]
 * @param target columns that it writes
 */
public record TransitionUp(String name, Read.Raw source, String convolution, Columns target)
        implements Node {

    /** Of the convolution that this is the transpose of. */
    public static final Window WINDOW = new Window(3, 2, 0);

    /** Refuses a target that is larger than what is made. */
    public TransitionUp {
        requireNonNull(name, "name");
        requireNonNull(source, "source");
        requireNonNull(convolution, "convolution");
        requireNonNull(target, "target");
        if (target.of().height() > 2 * source.height() + 1
                || target.of().width() > 2 * source.width() + 1) {
            Sizes.require(name, target.of(), 2 * source.height() + 1, 2 * source.width() + 1);
        }
    }

    /** {@return rows of pixels before they are cropped} */
    public int upsampledHeight() {
        return 2 * source.height() + 1;
    }

    /** {@return columns of pixels before they are cropped} */
    public int upsampledWidth() {
        return 2 * source.width() + 1;
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
        return List.of(
                ParameterSpec.of(
                        convolution + ".weight",
                        Role.CONV_WEIGHT,
                        source.channels(),
                        target.count(),
                        3,
                        3),
                ParameterSpec.of(convolution + ".bias", Role.CONV_BIAS, target.count()));
    }

    /** Nine for each pixel that is read, channel and output channel, cropped or not. */
    @Override
    public long multiplyAdds() {
        return 9L * source.height() * source.width() * source.channels() * target.count();
    }

    /** An output pixel sees at most 2x2 pixels of what is read. */
    @Override
    public List<Window> windows() {
        return List.of(new Window(2, 1, 0));
    }
}
