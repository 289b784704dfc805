package org.densenet4j.backend.cpu.jit;

import org.densenet4j.backend.cpu.asm.InstructionSet;

/**
 * What kernels of a convolution of few input channels are compiled for. Distances are in bytes.
 *
 * @param storage of the convolution's output, or of its gradient
 * @param inputs channels of the image
 * @param outputs N
 * @param kernel k
 * @param lines h' of the output
 * @param pixels w' of a line of it
 * @param lineBytes from line to line of the image, which is padded ({@link PadImageKernel})
 * @param outRow from pixel to pixel of the output
 */
public record StemForm(
        Storage storage,
        int inputs,
        int outputs,
        int kernel,
        int stride,
        int lines,
        int pixels,
        long lineBytes,
        long outRow) {

    StemPanels panels(InstructionSet set) {
        return new StemPanels(set, kernel, inputs, outputs);
    }

    /** From the image's first input of a pixel of the output to that of the next. */
    long step() {
        return (long) Float.BYTES * stride * inputs;
    }
}
