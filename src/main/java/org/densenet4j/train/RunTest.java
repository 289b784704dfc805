package org.densenet4j.train;

import org.densenet4j.data.ImageLoader;
import org.jspecify.annotations.Nullable;

import java.util.function.BooleanSupplier;
import java.util.function.Consumer;

/** What a run is tested by after each epoch. */
sealed interface RunTest permits ImageTest, VectorTest, PixelTest, DetectionTest {
    /**
     * Tests a trainer's network; changes nothing of it.
     *
     * @return null when told to stop
     */
    @Nullable TestSum of(Trainer trainer, BooleanSupplier stop);

    /** The same on one of several shares of the images. */
    RunTest shard(int number, int count);

    /**
     * The same, read in another way.
     *
     * @param broken is told of images that cannot be read and are skipped; null when they stop the
     *     test
     */
    RunTest read(int threads, @Nullable Consumer<String> broken);

    /** What gives the images. */
    ImageLoader<?, ?> loader();
}
