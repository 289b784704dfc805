package org.densenet4j.spec;

import org.densenet4j.detection.Priors;
import org.densenet4j.graph.NetworkSpec;

import java.util.List;

/**
 * A network that finds objects, after SSD (Liu et al. 2016, arXiv 1512.02325): each grid of its
 * {@linkplain Priors default boxes} has two heads that classify pixels, one for classes and one for
 * offsets.
 *
 * <p>The graph's head for the classes of grid g, {@code classHeads().get(g)}, has {@code
 * boxesPerCell·(1 + classes())} outputs for each of the grid's H·W pixels: box by box, of each the
 * background first, then the objects' classes. Its head for offsets has {@code
 * boxesPerCell·}{@value Priors#OFFSETS} outputs, box by box. That is the order that {@link
 * Priors#join} makes one array of.
 */
public interface DetectionSpec extends NetworkSpec {
    /** {@return the boxes that it gives a class and an offset each, of this input's size} */
    Priors priors();

    /** {@return the head of each grid, in the grids' order, that says what is in its boxes} */
    List<String> classHeads();

    /** {@return the head of each grid, in the grids' order, that says where in its boxes it is} */
    List<String> offsetHeads();

    /**
     * The classes that objects have, which is the number of their names. The background is not
     * among them, although the heads have an output for it: PASCAL VOC's 20 classes are 20 here and
     * 21 in SSD's publication and code.
     *
     * @return 1 or more
     */
    @Override
    int classes();
}
