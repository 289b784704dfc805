package org.densenet4j.data;

import org.jspecify.annotations.Nullable;

import java.io.UncheckedIOException;
import java.util.concurrent.atomic.AtomicInteger;

/** A batch that is being filled, image by image, by several threads. */
final class Filling<B> {
    /** The images of one batch. */
    interface Content<B> {
        /**
         * Reads an image; other threads read others meanwhile.
         *
         * @param place its place in the batch
         * @throws UncheckedIOException when it cannot be read
         */
        void read(int index, int place);

        /**
         * The batch.
         *
         * @param there places that could be read, one at least
         */
        B finish(boolean[] there);
    }

    private final int[] indices;
    private final Content<B> content;
    private final ImageLoader<?, B>.Prefetched epoch;
    private final boolean[] there;
    private final AtomicInteger next = new AtomicInteger();

    Filling(int[] indices, Content<B> content, ImageLoader<?, B>.Prefetched epoch) {
        this.indices = indices;
        this.content = content;
        this.epoch = epoch;
        this.there = new boolean[indices.length];
    }

    /** Takes images until there are none left, or the epoch is closed. */
    Void work() {
        for (int i = next.getAndIncrement();
                i < indices.length && !epoch.isClosed();
                i = next.getAndIncrement()) {
            take(i);
            // A data set may leave its thread interrupted, which says nothing to this loop and
            // would make a file of the next image fail.
            Thread.interrupted();
        }
        return null;
    }

    private void take(int i) {
        try {
            content.read(indices[i], i);
            there[i] = true;
        } catch (UncheckedIOException e) {
            if (epoch.isClosed()) {
                return; // closing interrupts what is being read
            }
            if (!isFaultOfTheImage(e)) {
                throw e;
            }
            epoch.broken(indices[i], e);
        }
    }

    /** The images that could be read, or null when there are none. */
    @Nullable B finish() {
        for (boolean readable : there) {
            if (readable) {
                return content.finish(there);
            }
        }
        return null;
    }

    /** Neither a small heap nor a share that was unmounted must decide what is trained on. */
    static boolean isFaultOfTheImage(UncheckedIOException e) {
        return JvmErrors.in(e) == null
                && !(e.getCause() instanceof ImageMemoryException)
                && !(e.getCause() instanceof FolderGoneException);
    }
}
