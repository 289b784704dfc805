package org.densenet4j.detection;

import static java.util.Objects.requireNonNull;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;

import org.densenet4j.data.Box;

import java.io.IOException;
import java.io.OutputStream;
import java.util.List;
import java.util.function.IntToLongFunction;

/**
 * What was found, as COCO's evaluation reads it: a JSON list of {@code image_id}, {@code
 * category_id}, {@code bbox} (left, top, width, height in pixels) and {@code score}.
 *
 * <pre>{@code
 * try (CocoResults results = new CocoResults(out)) {
 *     results.add(data.imageId(i), detections, data::categoryId);
 * }
 * }</pre>
 */
public final class CocoResults implements AutoCloseable {
    private static final JsonFactory JSON = new JsonFactory();

    /** Hundredths of a pixel are written, as COCO's own files have them. */
    private static final double FRACTIONS = 100;

    private final JsonGenerator json;

    /**
     * Begins the list.
     *
     * @param out gets UTF-8, and stays open
     * @throws IOException when {@code out} fails
     */
    public CocoResults(OutputStream out) throws IOException {
        json = JSON.createGenerator(requireNonNull(out, "out"));
        json.disable(JsonGenerator.Feature.AUTO_CLOSE_TARGET);
        json.writeStartArray();
    }

    /**
     * Writes what was found in an image.
     *
     * @param imageId of the image
     * @param detections in pixels of the image
     * @param categoryId the number of each label
     * @throws IOException when the stream fails
     */
    public void add(long imageId, List<Detection> detections, IntToLongFunction categoryId)
            throws IOException {
        requireNonNull(detections, "detections");
        requireNonNull(categoryId, "categoryId");
        for (Detection detection : detections) {
            Box box = detection.box();
            json.writeRaw('\n');
            json.writeStartObject();
            json.writeNumberField("image_id", imageId);
            json.writeNumberField("category_id", categoryId.applyAsLong(detection.label()));
            json.writeArrayFieldStart("bbox");
            for (double value : new double[] {box.left(), box.top(), box.width(), box.height()}) {
                json.writeNumber(Math.round(value * FRACTIONS) / FRACTIONS);
            }
            json.writeEndArray();
            json.writeNumberField("score", detection.score());
            json.writeEndObject();
        }
    }

    /** Ends the list. */
    @Override
    public void close() throws IOException {
        if (!json.isClosed()) {
            json.writeEndArray();
            json.writeRaw('\n');
            json.close();
        }
    }
}
