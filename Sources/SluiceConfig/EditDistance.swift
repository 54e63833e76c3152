/// Damerau–Levenshtein distance, restricted form (optimal string alignment): insertions, deletions, substitutions and
/// swaps of neighbours, each of cost 1. Time and memory O(n·m); callers pass names of at most 64 characters.
func editDistance(_ left: String, _ right: String) -> Int {
    let source = Array(left.utf8)
    let target = Array(right.utf8)
    var beforePrevious = [Int](repeating: 0, count: target.count + 1)
    var previous = Array(0...target.count)
    for row in 0..<source.count {
        var current = [row + 1]
        for column in 0..<target.count {
            let cost = source[row] == target[column] ? 0 : 1
            var best = min(previous[column + 1] + 1, current[column] + 1, previous[column] + cost)
            if row > 0, column > 0, source[row] == target[column - 1], source[row - 1] == target[column] {
                best = min(best, beforePrevious[column - 1] + 1)
            }
            current.append(best)
        }
        beforePrevious = previous
        previous = current
    }
    return previous[target.count]
}

/// The candidate nearest to `name`, ignoring case and the difference between `-` and `_`, if it is near enough to be
/// what the writer meant: it continues the name, or it is at most a third of the longer name's length away, and at
/// most 3 edits.
func nearestName(to name: String, among candidates: [String]) -> String? {
    guard name.utf8.count <= 64 else { return nil }
    let wanted = comparable(name)
    if wanted.utf8.count >= 3, let longer = candidates.first(where: { comparable($0).hasPrefix(wanted) }) {
        return longer
    }
    let ranked = candidates.map { (name: $0, distance: editDistance(wanted, comparable($0))) }
    guard let best = ranked.min(by: { $0.distance < $1.distance }) else { return nil }
    let allowance = min(3, max(1, max(name.utf8.count, best.name.utf8.count) / 3))
    return best.distance <= allowance ? best.name : nil
}

private func comparable(_ name: String) -> String {
    String(name.lowercased().map { $0 == "-" ? "_" : $0 })
}

/// The cure for a name that is not among the `allowed` ones: the nearest of them, then all of them.
func suggestion(for name: String, among allowed: [String]) -> String {
    let all = "(allowed: \(allowed.joined(separator: ", ")))"
    guard let nearest = nearestName(to: name, among: allowed) else { return all.dropParentheses() }
    return "did you mean \"\(nearest)\"? \(all)"
}

extension String {
    fileprivate func dropParentheses() -> String {
        String(dropFirst().dropLast())
    }
}
