package org.densenet4j.train;

import org.densenet4j.data.ImageMetadata;
import org.densenet4j.graph.NetworkSpec;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;

/**
 * What a trainer knows of its images. Class names and normalisation are identities: labels that
 * index other names train the classifier wrongly, and pixels that are normalised otherwise are not
 * those that the network has learnt to read. What trained first, was loaded or was told decides.
 */
final class TrainedImages {
    private final NetworkSpec spec;
    private ImageMetadata known;

    /** What was compared last, and what was trained on last: usually the same object again. */
    private ImageMetadata compared = ImageMetadata.NONE;

    private ImageMetadata trained = ImageMetadata.NONE;

    /**
     * Begins with what the caller tells.
     *
     * @throws IllegalArgumentException when it is not of such a network
     */
    TrainedImages(NetworkSpec spec, ImageMetadata told) {
        this.spec = spec;
        set(told);
    }

    ImageMetadata known() {
        return known;
    }

    /** Replaces what is known. */
    void set(ImageMetadata told) {
        requireFits(told);
        known = told;
        compared = ImageMetadata.NONE;
        trained = ImageMetadata.NONE;
    }

    private Optional<String> misfit(ImageMetadata images) {
        return images.misfit(spec.classes(), spec.inputChannels());
    }

    private void requireFits(ImageMetadata images) {
        Optional<String> misfit = misfit(images);
        if (misfit.isPresent()) {
            throw new IllegalArgumentException(
                    misfit.get() + ": the weights would be saved with what is not theirs");
        }
    }

    /**
     * Before images are trained on.
     *
     * @param whose such as "the batch", for messages
     */
    void requireTrainable(String whose, ImageMetadata images) {
        if (images != trained) {
            requireFits(images);
        }
        requireSame(whose, images);
    }

    /**
     * Before images are trained on or evaluated.
     *
     * @param whose such as "the batch", for messages
     */
    void requireSame(String whose, ImageMetadata images) {
        if (images == compared) {
            return;
        }
        Optional<String> difference = difference(images);
        if (difference.isPresent()) {
            throw new IllegalArgumentException(whose + " has " + difference.get());
        }
        compared = images;
    }

    /** What contradicts what is known, and the way out; empty when nothing does. */
    private Optional<String> difference(ImageMetadata images) {
        if (!known.contradicts(images)) {
            return Optional.empty();
        }
        return Optional.of(
                haveOtherClasses(images)
                        ? "the classes "
                                + images.classNames().orElseThrow()
                                + ", the network was trained on "
                                + known.classNames().orElseThrow()
                                + "; BatchLoader.relabelled matches them by name"
                        : "the normalisation "
                                + images.normalisation().orElseThrow()
                                + ", the network was trained with "
                                + known.normalisation().orElseThrow()
                                + "; give BatchLoader.normalise what Trainer.images() knows, or, if"
                                + " the change is meant, tell the trainer by Trainer.images(...)");
    }

    private boolean haveOtherClasses(ImageMetadata images) {
        return known.contradicts(new ImageMetadata(images.classNames(), Optional.empty()));
    }

    /** Images were trained on: what they tell and was not known is known now. */
    void train(ImageMetadata images) {
        if (images != trained) {
            known = known.or(images);
            trained = images;
        }
    }

    /**
     * Before a file is loaded.
     *
     * @throws IOException in one line when what it records is of other images than those here
     */
    void requireSame(Path path, ImageMetadata saved) throws IOException {
        Optional<String> misfit = misfit(saved);
        if (misfit.isPresent()) {
            throw new IOException(path + ": the metadata is broken: " + misfit.get());
        }
        if (!known.contradicts(saved)) {
            return;
        }
        throw new IOException(
                haveOtherClasses(saved)
                        ? path
                                + ": was trained on the classes "
                                + saved.classNames().orElseThrow()
                                + ", this trainer has "
                                + known.classNames().orElseThrow()
                        : path
                                + ": was trained with the normalisation "
                                + saved.normalisation().orElseThrow()
                                + ", this trainer has "
                                + known.normalisation().orElseThrow()
                                + "; load it into a trainer that was told no other");
    }

    /** A file was loaded. */
    void load(ImageMetadata saved) {
        set(saved.or(known));
    }

    /**
     * What a file records.
     *
     * @param notes of the caller's, which may tell what is not known
     */
    ImageMetadata with(ImageMetadata notes) {
        requireFits(notes);
        requireSame("the file's metadata", notes);
        return known.or(notes);
    }
}
