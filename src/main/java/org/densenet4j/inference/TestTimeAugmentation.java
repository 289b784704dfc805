package org.densenet4j.inference;

import org.densenet4j.data.ImageView;
import org.densenet4j.data.ImageView.Place;

import java.util.ArrayList;
import java.util.List;

/**
 * Several views of an image, whose logits are averaged: a better answer for as many times the work.
 */
public enum TestTimeAugmentation {
    /** The middle alone. */
    NONE,
    /** The middle, and it mirrored. */
    FLIP,
    /** The four corners and the middle: torchvision's {@code FiveCrop}. */
    FIVE,
    /** These, and all of them mirrored: torchvision's {@code TenCrop}. */
    TEN;

    private static final List<Place> ALL =
            List.of(
                    Place.TOP_LEFT,
                    Place.TOP_RIGHT,
                    Place.BOTTOM_LEFT,
                    Place.BOTTOM_RIGHT,
                    Place.CENTRE);

    /** Those of the mirrored image in the same order, as the image has them. */
    private static final List<Place> ALL_MIRRORED =
            List.of(
                    Place.TOP_RIGHT,
                    Place.TOP_LEFT,
                    Place.BOTTOM_RIGHT,
                    Place.BOTTOM_LEFT,
                    Place.CENTRE);

    /** {@return the views, in torchvision's order} */
    public List<ImageView> views() {
        boolean corners = this == FIVE || this == TEN;
        List<Place> places = corners ? ALL : List.of(Place.CENTRE);
        List<ImageView> views = new ArrayList<>();
        places.forEach(place -> views.add(new ImageView(place, false)));
        if (this == FLIP || this == TEN) {
            List<Place> mirrored = corners ? ALL_MIRRORED : places;
            mirrored.forEach(place -> views.add(new ImageView(place, true)));
        }
        return views;
    }

    /**
     * The mean logits of each image.
     *
     * @param logits of all views of the first image, then of the second one, ...
     * @param each logits of a view
     */
    float[] averaged(float[] logits, int each) {
        int views = views().size();
        if (views == 1) {
            return logits;
        }
        float[] means = new float[logits.length / views];
        for (int i = 0; i < means.length; i++) {
            int first = i / each * views * each + i % each;
            double sum = 0;
            for (int v = 0; v < views; v++) {
                sum += logits[first + v * each];
            }
            means[i] = (float) (sum / views);
        }
        return means;
    }
}
