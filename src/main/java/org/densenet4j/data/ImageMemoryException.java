package org.densenet4j.data;

import org.densenet4j.io.OneLine;
import org.jspecify.annotations.Nullable;

import java.io.IOException;

/**
 * The heap is too small for an image. Nothing is wrong with the image: it is never skipped as a
 * broken one is, or what a network is trained on would depend on the size of the heap.
 */
public final class ImageMemoryException extends IOException {
    ImageMemoryException(String message, @Nullable Throwable cause) {
        super(
                OneLine.of(
                        message
                                + "; raise -Xmx (of the command line: DENSENET4J_OPTS=-Xmx4g), or"
                                + " refuse such images by a lower limit (--max-pixels)"),
                cause);
    }
}
