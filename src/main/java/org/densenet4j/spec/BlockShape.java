package org.densenet4j.spec;

import java.util.List;

/**
 * A dense block.
 *
 * @param index number of the block, from 1
 * @param height rows of pixels
 * @param width columns of pixels
 * @param inputChannels C_0, channels that it starts with
 * @param totalChannels C_0 + L·k, channels of its feature matrix
 * @param layers its dense layers in order
 */
public record BlockShape(
        int index,
        int height,
        int width,
        int inputChannels,
        int totalChannels,
        List<LayerShape> layers) {}
