package org.densenet4j.spec;

/**
 * Which scales an MSDNet's layers write, and how many channels are there behind each (Huang et al.
 * 2018, section 4 and appendix A). Scales are counted from 0, the finest, layers from 1.
 */
final class MsdNetLayers {
    private final MsdNetSpec spec;
    private final int count;

    /** Channels behind each layer as a multiple of the scales' factors; before the first at 0. */
    private final int[] units;

    MsdNetLayers(MsdNetSpec spec) {
        this.spec = spec;
        this.count = spec.layersPerExit().stream().mapToInt(Integer::intValue).sum();
        this.units = new int[count + 1];
        units[0] = spec.initialChannels();
        for (int l = 1; l <= count; l++) {
            units[l] = units[l - 1] + spec.growthRate();
            if (reducesBehind(l)) {
                units[l] = (int) Math.floor(spec.reduction() * units[l]);
            }
        }
    }

    /** Layers beside the first. */
    int count() {
        return count;
    }

    /** The finest scale that a layer writes; before the first layer all are there. */
    int finest(int layer) {
        int scales = spec.scales();
        int left =
                switch (spec.dropping()) {
                    case EVENLY -> scales - Math.max(0, layer - 1) / Math.ceilDiv(count, scales);
                    case AT_THE_END -> Math.min(scales, count - layer + 1);
                };
        return scales - left;
    }

    /** Whether a layer writes a scale. */
    boolean isThere(int scale, int layer) {
        return scale >= finest(layer);
    }

    /** Whether 1x1 convolutions follow a layer that leave a share of the channels. */
    boolean reducesBehind(int layer) {
        return switch (spec.dropping()) {
            case EVENLY -> layer > 1 && finest(layer) > finest(layer - 1);
            case AT_THE_END -> layer == count / 3 || layer == 2 * count / 3;
        };
    }

    /** Channels that a layer appends to a scale. */
    int growth(int scale) {
        return spec.growthRate() * spec.growthFactors().get(scale);
    }

    /** Channels of a scale that are there behind a layer and what follows it. */
    int channels(int scale, int layer) {
        return units[layer] * spec.growthFactors().get(scale);
    }
}
