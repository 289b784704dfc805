package org.densenet4j.cli;

import org.densenet4j.data.Image;
import org.densenet4j.data.Normalisation;
import org.densenet4j.data.SegmentationDataset;
import org.densenet4j.io.OneLine;
import org.densenet4j.train.TrainingRun;

import java.io.UncheckedIOException;
import java.util.List;

/** Images with a label for each pixel. */
record SegmentationSource(SegmentationDataset train, SegmentationDataset test)
        implements TrainingSource {

    /**
     * Reads the first training image, so that labels of other classes show before a run begins.
     *
     * @throws UncheckedIOException in one line when it cannot be read
     */
    void readFirst() {
        var unused = size();
    }

    @Override
    public ImageSize size() {
        return train.read(
                0,
                labelled -> {
                    Image image = labelled.image();
                    return new ImageSize(image.height(), image.width());
                });
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
        return train.classes().names();
    }

    /** Values from 0 to 1 as they are, as the authors of FC-DenseNet train. */
    @Override
    public Normalisation normalisation() {
        return Normalisation.none(train.channels());
    }

    /** Tables of classes number them; one in another order is another table. */
    @Override
    public TrainingSource ofClasses(List<String> names) {
        if (!classNames().equals(names)) {
            throw new IllegalArgumentException(
                    "the data has the classes "
                            + OneLine.listed(classNames())
                            + ", the network "
                            + OneLine.listed(names));
        }
        return this;
    }

    @Override
    public void give(TrainingRun run) {
        run.data(train, test, normalisation());
    }
}
