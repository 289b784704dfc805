package org.densenet4j.backend.cpu;

import org.densenet4j.backend.ConvolutionShape;
import org.densenet4j.backend.cpu.jit.TilePanels;

import java.util.ArrayList;
import java.util.List;

/**
 * The taps of a convolution on {@link PhasedImages}, and how much of its images is worked on at a
 * time.
 */
record Taps(ConvolutionShape shape) {
    /** Bytes of the images that are copied at a time: what stays in a second-level cache. */
    private static final long COPIED = 512 << 10;

    /** A tap by its row and column. */
    record Tap(int dy, int dx) {}

    int count() {
        return shape.kernel() * shape.kernel();
    }

    /** How many rows and columns of a phase further on taps read. */
    int reach() {
        return (shape.kernel() - 1) / shape.stride();
    }

    int phases() {
        return shape.stride() * shape.stride();
    }

    /** The taps that read a phase of the source, which are those that reach it. */
    List<Tap> ofPhase(int phase) {
        List<Tap> some = new ArrayList<>();
        for (int dy = phase / shape.stride(); dy < shape.kernel(); dy += shape.stride()) {
            for (int dx = phase % shape.stride(); dx < shape.kernel(); dx += shape.stride()) {
                some.add(new Tap(dy, dx));
            }
        }
        return some;
    }

    // ---------------------------------------------------------------- the source

    private int sourcePitch() {
        return Math.ceilDiv(shape.width() + 2 * shape.padding(), shape.stride());
    }

    /** The largest group of the output's rows whose source is copied at a time. */
    ImageGroup sourceGroup(int images) {
        return group(images, shape.outputHeight(), sourcePitch(), shape.inputChannels(), phases());
    }

    /** Room for the source that a group's rows of the output read. */
    PhasedImages source(long offset, ImageGroup g) {
        return PhasedImages.of(offset, g, sourcePitch(), reach(), phases(), shape.inputChannels());
    }

    /** How many pixels of the source further on a tap reads. */
    long pixelsTo(PhasedImages p, int tap) {
        int dy = tap / shape.kernel();
        int dx = tap % shape.kernel();
        int stride = shape.stride();
        long phase = dy % stride * stride + dx % stride;
        return phase * p.pixelsOfPhase() + (long) dy / stride * p.pitch() + dx / stride;
    }

    // ---------------------------------------------------------------- the output's gradient

    /** The first row of a phase in which there are pixels of the source. */
    int firstRow() {
        return shape.padding() / shape.stride();
    }

    /** Rows of a phase in which there are pixels of the source, from {@link #firstRow} on. */
    int gradientRows() {
        return (shape.padding() + shape.height() - 1) / shape.stride() + 1 - firstRow();
    }

    private int gradientPitch() {
        int columns = (shape.padding() + shape.width() - 1) / shape.stride() + 1;
        return Math.max(columns, shape.outputWidth()) + reach();
    }

    /** The largest group of a phase's rows whose gradient is made at a time. */
    ImageGroup gradientGroup(int images) {
        return group(images, gradientRows(), gradientPitch(), shape.outputChannels(), 1);
    }

    /** Room for the output's gradient that reaches a group's rows of the source. */
    PhasedImages gradient(long offset, ImageGroup g) {
        return PhasedImages.of(offset, g, gradientPitch(), reach(), 1, shape.outputChannels());
    }

    /** How many pixels of the output's gradient further on a tap's is. */
    long pixelsTo(PhasedImages d, Tap tap) {
        long back = (long) (reach() - tap.dy / shape.stride()) * d.pitch();
        return back + reach() - tap.dx / shape.stride();
    }

    /** Several images, or some rows. */
    private ImageGroup group(int images, int rows, int pitch, int channels, int phases) {
        long ofRow = 2L * pitch * phases * TilePanels.padded(channels);
        int fit = Math.toIntExact(Math.max(1, COPIED / ofRow));
        int ofImage = rows + reach();
        return fit >= ofImage
                ? new ImageGroup(0, Math.clamp(fit / ofImage, 1, images), 0, rows)
                : new ImageGroup(0, 1, 0, Math.min(rows, Math.max(2, fit - reach())));
    }

    // ---------------------------------------------------------------- panels

    /** Weights of all taps, by which the source is multiplied. */
    TilePanels outputs() {
        int terms = count() * TilePanels.padded(shape.inputChannels());
        return new TilePanels(terms, shape.outputChannels());
    }

    /** Weights of some taps, by which the output's gradient is multiplied. */
    TilePanels inputs(int taps) {
        int terms = taps * TilePanels.padded(shape.outputChannels());
        return new TilePanels(terms, shape.inputChannels());
    }
}
