package org.densenet4j.data;

/**
 * A part of an image that has been resized for a network, as it is or mirrored left to right:
 * torchvision's {@code FiveCrop} and {@code TenCrop} take all of them.
 *
 * @param place which part of the image as it is
 * @param mirrored whether left and right change places
 */
public record ImageView(Place place, boolean mirrored) {
    /** What evaluation looks at. */
    public static final ImageView CENTRE = new ImageView(Place.CENTRE, false);

    /** Where the part lies. */
    public enum Place {
        /** The top left corner. */
        TOP_LEFT,
        /** The top right corner. */
        TOP_RIGHT,
        /** The bottom left corner. */
        BOTTOM_LEFT,
        /** The bottom right corner. */
        BOTTOM_RIGHT,
        /** The middle. */
        CENTRE
    }

    boolean isCentred() {
        return place == Place.CENTRE;
    }

    /** The first row, where so many more than are wanted are there. */
    long top(long room) {
        return switch (place) {
            case TOP_LEFT, TOP_RIGHT -> 0;
            case BOTTOM_LEFT, BOTTOM_RIGHT -> room;
            case CENTRE -> (long) Math.rint(room / 2.0);
        };
    }

    /** The first column, where so many more than are wanted are there. */
    long left(long room) {
        return switch (place) {
            case TOP_LEFT, BOTTOM_LEFT -> 0;
            case TOP_RIGHT, BOTTOM_RIGHT -> room;
            case CENTRE -> (long) Math.rint(room / 2.0);
        };
    }
}
