package org.densenet4j.detection;

import static java.util.Objects.requireNonNull;

import java.util.List;

/**
 * Default boxes of one feature map (Liu et al. 2016, arXiv 1512.02325, section 2.2): the same few
 * at every cell. They are, in this order, a square of side {@code least}, one of side
 * √(least·most), and for each ratio r boxes of least·√r by least/√r and the other way round.
 *
 * @param height rows of cells
 * @param width columns of cells
 * @param step pixels from one cell to the next; centres are at (x + ½)·step
 * @param least side in pixels
 * @param most side in pixels that the second square is on the way to
 * @param ratios of sides, above 1
 */
public record PriorGrid(
        int height, int width, double step, double least, double most, List<Double> ratios) {
    /** Checks the numbers. */
    public PriorGrid {
        requireNonNull(ratios, "ratios");
        ratios = List.copyOf(ratios);
        if (height < 1 || width < 1) {
            throw new IllegalArgumentException(
                    "a grid of " + height + "x" + width + " cells: use 1 or more of each");
        }
        if (!(step > 0 && least > 0 && most >= least)) {
            throw new IllegalArgumentException(
                    "step "
                            + step
                            + ", sides "
                            + least
                            + " to "
                            + most
                            + ": use numbers above 0, the smaller side first");
        }
        for (double ratio : ratios) {
            if (!(ratio > 1 && ratio <= 100)) {
                throw new IllegalArgumentException(
                        "ratio = " + ratio + ": use a number above 1, its inverse comes along");
            }
        }
    }

    /** {@return boxes of a cell} */
    public int boxesPerCell() {
        return 2 + 2 * ratios.size();
    }

    /** {@return boxes of all cells} */
    public int boxes() {
        return Math.multiplyExact(Math.multiplyExact(height, width), boxesPerCell());
    }
}
