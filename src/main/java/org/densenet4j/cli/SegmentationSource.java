package org.densenet4j.cli;

import org.densenet4j.data.Image;
import org.densenet4j.data.Normalisation;
import org.densenet4j.data.SegmentationDataset;
import org.densenet4j.io.OneLine;
import org.densenet4j.train.TrainingRun;

import java.util.List;

/**
 * Images with a label for each pixel.
 *
 * @param height rows of pixels of the first training image
 * @param width columns of pixels of the first training image
 */
record SegmentationSource(
        SegmentationDataset train, SegmentationDataset test, int height, int width)
        implements TrainingSource {

    /**
     * Looks at the first training image.
     *
     * @throws java.io.UncheckedIOException in one line when it cannot be read
     */
    static SegmentationSource of(SegmentationDataset train, SegmentationDataset test) {
        int[] size =
                train.read(
                        0,
                        labelled -> {
                            Image image = labelled.image();
                            return new int[] {image.height(), image.width()};
                        });
        return new SegmentationSource(train, test, size[0], size[1]);
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
