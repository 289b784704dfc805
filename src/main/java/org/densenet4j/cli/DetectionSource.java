package org.densenet4j.cli;

import org.densenet4j.data.DetectionDataset;
import org.densenet4j.data.Image;
import org.densenet4j.data.Normalisation;
import org.densenet4j.data.RelabelledDetectionDataset;
import org.densenet4j.train.TrainingRun;

import java.io.UncheckedIOException;
import java.util.List;

/**
 * Images with boxes around objects.
 *
 * @param normalisation of all images
 */
record DetectionSource(DetectionDataset train, DetectionDataset test, Normalisation normalisation)
        implements TrainingSource {

    /**
     * Reads the first image of each, so that folders without images show before a run begins.
     *
     * @throws UncheckedIOException in one line when one cannot be read
     */
    void readFirst() {
        var unused = size();
        int pixels = test.read(0, image -> image.image().width());
        assert pixels > 0;
    }

    @Override
    public int trainingImages() {
        return train.size();
    }

    @Override
    public int testImages() {
        return test.size();
    }

    @Override
    public List<String> classNames() {
        return train.classNames();
    }

    @Override
    public ImageSize size() {
        return train.read(
                0,
                image -> {
                    Image pixels = image.image();
                    return new ImageSize(pixels.height(), pixels.width());
                });
    }

    @Override
    public TrainingSource ofClasses(List<String> names) {
        return new DetectionSource(
                RelabelledDetectionDataset.of(train, names),
                RelabelledDetectionDataset.of(test, names),
                normalisation);
    }

    @Override
    public void give(TrainingRun run) {
        run.data(train, test, normalisation);
    }
}
