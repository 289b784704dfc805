package org.densenet4j.plan;

/**
 * One entry of the fixed sequence that a training step runs through.
 *
 * @param index position in the sequence
 * @param phase part of the step
 * @param name what runs: {@code stem}, {@code block1.layer3}, {@code transition1}, {@code head},
 *     {@code loss}, {@code optimiser}
 */
public record Operation(int index, Phase phase, String name) {}
