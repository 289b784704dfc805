package org.densenet4j.plan;

import org.densenet4j.graph.Features;
import org.densenet4j.graph.Read;

import java.util.Optional;

/**
 * How features and others that are half as high and wide are cut alike: into chunks of whole
 * images, or, where one does not fit, into bands of rows.
 *
 * @param chunks of the larger ones
 * @param halved the same chunks of the smaller ones
 * @param height rows of pixels of an image, or of a band, of the larger ones
 */
record HalvedChunks(Chunks chunks, Chunks halved, int height) {
    /**
     * Cuts them.
     *
     * @param bytesInBands scratch of one pixel of the larger ones, where they are cut into bands
     * @param bytesOfImages the same where they are not
     */
    static HalvedChunks of(
            Read larger,
            Features smaller,
            long bytesInBands,
            long bytesOfImages,
            NodePlanner planner) {
        int height = larger.height();
        int width = larger.width();
        Optional<Bands> cut = planner.bands(height, width, bytesInBands, 2);
        if (cut.isPresent()) {
            Bands bands = cut.get();
            return new HalvedChunks(bands.chunks(), bands.halved(smaller), bands.rows());
        }
        Chunks images = planner.imageChunks(height * width, bytesOfImages);
        return new HalvedChunks(images, images.ofPixels(smaller.pixels()), height);
    }
}
