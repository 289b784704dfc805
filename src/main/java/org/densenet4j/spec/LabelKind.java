package org.densenet4j.spec;

import org.densenet4j.graph.NetworkSpec;

import java.util.Objects;

/** What a network is trained on, by its heads: what its images have to be labelled with. */
public enum LabelKind {
    /** A class, several labels or numbers of each image. */
    OF_IMAGES("one label per image", "classifies images"),
    /** A class of each pixel. */
    OF_PIXELS("a label for each pixel", "classifies pixels"),
    /** Boxes around objects, with a class each. */
    BOXES("boxes around objects", "finds objects");

    private final String text;
    private final String network;

    LabelKind(String text, String network) {
        this.text = text;
        this.network = network;
    }

    /**
     * {@return what a network wants}
     *
     * @param spec of the network
     */
    public static LabelKind of(NetworkSpec spec) {
        Objects.requireNonNull(spec, "spec");
        if (spec instanceof DetectionSpec) {
            return BOXES;
        }
        return spec.graph().classifiesPixels() ? OF_PIXELS : OF_IMAGES;
    }

    /** {@return what images have, such as "a label for each pixel"} */
    public String text() {
        return text;
    }

    /** {@return what a network of this kind does, such as "classifies pixels"} */
    public String network() {
        return network;
    }
}
