package org.densenet4j.cli;

import org.densenet4j.data.Normalisation;
import org.densenet4j.train.TrainingRun;

import java.util.List;

/** Images to train on and to test on, whatever they are labelled with. */
sealed interface TrainingSource permits DataOption.Source, SegmentationSource, DetectionSource {
    int trainingImages();

    int testImages();

    /** One name for each class, in the order of the labels. */
    List<String> classNames();

    /** Of a training image; where images are not of one size, the first is read. */
    ImageSize size();

    /** Of all images. */
    Normalisation normalisation();

    /**
     * With labels that index the classes of a network.
     *
     * @throws IllegalArgumentException when the data has other classes, more or fewer
     */
    TrainingSource ofClasses(List<String> names);

    /** Gives a run its data. */
    void give(TrainingRun run);
}
