package org.densenet4j.detection;

import static java.util.Objects.requireNonNull;

import org.densenet4j.data.Box;

import java.util.ArrayList;
import java.util.List;

/**
 * The default boxes ("priors") of a detector, which it gives a class and an offset each, and the
 * code of offsets: a box g of a prior p is
 *
 * <pre>
 * ((gx − px)/(pw·v), (gy − py)/(ph·v), ln(gw/pw)/w, ln(gh/ph)/w)
 * </pre>
 *
 * with centres x, y, sides w, h and the variances v = 0.1, w = 0.2 (Liu et al. 2016, arXiv
 * 1512.02325, equation 2, and the authors' code). Coordinates are shares of the image's sides;
 * priors reach over its border.
 *
 * <p>Their order is that of the grids, in each row by row, then column by column, then the boxes of
 * a cell: that of logits [N, H·W·boxes, ...] that are stored channels last.
 */
public final class Priors {
    /** Numbers of an offset. */
    public static final int OFFSETS = 4;

    private static final double CENTRE_VARIANCE = 0.1;
    private static final double SIZE_VARIANCE = 0.2;

    private final List<PriorGrid> grids;
    private final int imageHeight;
    private final int imageWidth;

    /** x and y of the centre, width, height of each. */
    private final double[] priors;

    private Priors(int imageHeight, int imageWidth, List<PriorGrid> grids) {
        this.imageHeight = imageHeight;
        this.imageWidth = imageWidth;
        this.grids = grids;
        int count = 0;
        for (PriorGrid grid : grids) {
            count = Math.addExact(count, grid.boxes());
        }
        this.priors = new double[Math.multiplyExact(count, OFFSETS)];
        int at = 0;
        for (PriorGrid grid : grids) {
            double[] sides = sides(grid);
            for (int cell = 0; cell < grid.height() * grid.width(); cell++) {
                double x = (cell % grid.width() + 0.5) * grid.step();
                double y = (cell / grid.width() + 0.5) * grid.step();
                for (int i = 0; i < sides.length; i += 2) {
                    priors[at++] = x / imageWidth;
                    priors[at++] = y / imageHeight;
                    priors[at++] = sides[i] / imageWidth;
                    priors[at++] = sides[i + 1] / imageHeight;
                }
            }
        }
    }

    /** Width and height of each box of a cell, in pixels. */
    private static double[] sides(PriorGrid grid) {
        double[] sides = new double[2 * grid.boxesPerCell()];
        sides[0] = grid.least();
        sides[1] = grid.least();
        sides[2] = Math.sqrt(grid.least() * grid.most());
        sides[3] = sides[2];
        int at = 4;
        for (double ratio : grid.ratios()) {
            double longer = grid.least() * Math.sqrt(ratio);
            double shorter = grid.least() / Math.sqrt(ratio);
            sides[at++] = longer;
            sides[at++] = shorter;
            sides[at++] = shorter;
            sides[at++] = longer;
        }
        return sides;
    }

    /**
     * {@return the boxes of several feature maps}
     *
     * @param imageHeight rows of pixels of the network's input
     * @param imageWidth columns of pixels of the network's input
     * @param grids in the order of the network's outputs
     */
    public static Priors of(int imageHeight, int imageWidth, List<PriorGrid> grids) {
        requireNonNull(grids, "grids");
        if (imageHeight < 1 || imageWidth < 1 || grids.isEmpty()) {
            throw new IllegalArgumentException(
                    "priors of "
                            + grids.size()
                            + " grids on images of "
                            + imageHeight
                            + "x"
                            + imageWidth
                            + ": use 1 or more of each");
        }
        return new Priors(imageHeight, imageWidth, List.copyOf(grids));
    }

    /**
     * {@return the 8,744 boxes of DSOD300 (Shen et al. 2017, arXiv 1708.01241) as its authors
     * configure it for PASCAL VOC} The step of the sixth map is 300 pixels although it has 2x2
     * cells (150 would fit): three of its four centres lie on or outside of the image's border.
     * Released weights are trained with that.
     */
    public static Priors dsod300Voc() {
        return dsod300(
                new double[] {30, 60, 111, 162, 213, 264},
                new double[] {60, 111, 162, 213, 264, 315});
    }

    /** {@return those of {@link #dsod300Voc} in the sizes for COCO, whose objects are smaller} */
    public static Priors dsod300Coco() {
        return dsod300(
                new double[] {21, 45, 99, 153, 207, 261},
                new double[] {45, 99, 153, 207, 261, 315});
    }

    private static Priors dsod300(double[] least, double[] most) {
        int[] cells = {38, 19, 10, 5, 3, 2};
        double[] steps = {8, 16, 32, 64, 100, 300};
        List<PriorGrid> grids = new ArrayList<>();
        for (int i = 0; i < cells.length; i++) {
            boolean inner = i >= 1 && i <= 3;
            grids.add(
                    new PriorGrid(
                            cells[i],
                            cells[i],
                            steps[i],
                            least[i],
                            most[i],
                            inner ? List.of(2.0, 3.0) : List.of(2.0)));
        }
        return of(300, 300, grids);
    }

    /** {@return how many there are} */
    public int size() {
        return priors.length / OFFSETS;
    }

    /** {@return the feature maps that they belong to} */
    public List<PriorGrid> grids() {
        return grids;
    }

    /** {@return rows of pixels of the network's input} */
    public int imageHeight() {
        return imageHeight;
    }

    /** {@return columns of pixels of the network's input} */
    public int imageWidth() {
        return imageWidth;
    }

    /**
     * {@return a prior, in shares of the image's sides, reaching over the border where it does}
     *
     * @param index from 0 to below {@link #size}
     */
    public Box box(int index) {
        return centred(x(index), y(index), width(index), height(index));
    }

    /**
     * {@return the offset from a prior to a box}
     *
     * @param index of the prior
     * @param box with an area, in shares of the image's sides
     */
    public double[] encode(int index, Box box) {
        requireNonNull(box, "box");
        return new double[] {
            (box.centreX() - x(index)) / width(index) / CENTRE_VARIANCE,
            (box.centreY() - y(index)) / height(index) / CENTRE_VARIANCE,
            Math.log(box.width() / width(index)) / SIZE_VARIANCE,
            Math.log(box.height() / height(index)) / SIZE_VARIANCE
        };
    }

    /**
     * {@return the box of an offset, in shares of the image's sides, reaching over the border where
     * it does}
     *
     * @param index of the prior
     * @param offsets holds the four numbers
     * @param at place of the first of them
     */
    public Box decode(int index, float[] offsets, int at) {
        requireNonNull(offsets, "offsets");
        return centred(
                x(index) + offsets[at] * CENTRE_VARIANCE * width(index),
                y(index) + offsets[at + 1] * CENTRE_VARIANCE * height(index),
                width(index) * Math.exp(offsets[at + 2] * SIZE_VARIANCE),
                height(index) * Math.exp(offsets[at + 3] * SIZE_VARIANCE));
    }

    /**
     * {@return outputs of the feature maps as those of all priors [N, priors, numbers]}
     *
     * @param outputs of each grid [N, H·W, boxes·numbers], as a network's heads give them
     * @param numbers of each prior
     * @throws IllegalArgumentException when they are not of these grids
     */
    public float[] join(List<float[]> outputs, int numbers) {
        requireNonNull(outputs, "outputs");
        int images = images(outputs, numbers);
        float[] joined = new float[Math.multiplyExact(images, size() * numbers)];
        int at = 0;
        for (int image = 0; image < images; image++) {
            for (int g = 0; g < grids.size(); g++) {
                int count = grids.get(g).boxes() * numbers;
                System.arraycopy(outputs.get(g), image * count, joined, at, count);
                at += count;
            }
        }
        return joined;
    }

    /**
     * {@return the parts of the feature maps, such as of a gradient: what {@link #join} was made
     * of}
     *
     * @param joined [N, priors, numbers]
     * @param numbers of each prior
     * @throws IllegalArgumentException when they are not of these priors
     */
    public List<float[]> split(float[] joined, int numbers) {
        requireNonNull(joined, "joined");
        if (numbers < 1 || joined.length % ((double) size() * numbers) != 0) {
            throw new IllegalArgumentException(
                    joined.length + " numbers are not " + numbers + " of each of " + size());
        }
        int images = joined.length / (size() * numbers);
        List<float[]> parts = new ArrayList<>();
        int from = 0;
        for (PriorGrid grid : grids) {
            int count = grid.boxes() * numbers;
            float[] part = new float[images * count];
            for (int image = 0; image < images; image++) {
                int start = image * size() * numbers + from;
                System.arraycopy(joined, start, part, image * count, count);
            }
            parts.add(part);
            from += count;
        }
        return parts;
    }

    private int images(List<float[]> outputs, int numbers) {
        if (outputs.size() != grids.size() || numbers < 1) {
            throw new IllegalArgumentException(
                    outputs.size()
                            + " outputs of "
                            + numbers
                            + " numbers: there are "
                            + grids.size()
                            + " grids");
        }
        int first = grids.getFirst().boxes() * numbers;
        int images = outputs.getFirst().length / first;
        for (int g = 0; g < grids.size(); g++) {
            double wanted = (double) images * grids.get(g).boxes() * numbers;
            if (outputs.get(g).length != wanted) {
                throw new IllegalArgumentException(
                        "output "
                                + g
                                + " has "
                                + outputs.get(g).length
                                + " numbers, for "
                                + images
                                + " images they are "
                                + (long) wanted);
            }
        }
        return images;
    }

    private static Box centred(double x, double y, double width, double height) {
        return new Box(x - width / 2, y - height / 2, x + width / 2, y + height / 2);
    }

    private double x(int index) {
        return priors[index * OFFSETS];
    }

    private double y(int index) {
        return priors[index * OFFSETS + 1];
    }

    private double width(int index) {
        return priors[index * OFFSETS + 2];
    }

    private double height(int index) {
        return priors[index * OFFSETS + 3];
    }
}
