// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {EvidenceAnchor} from "../src/EvidenceAnchor.sol";
import {vm} from "./Vm.sol";

/// @notice Another contract, which acts only on what is in an anchored log.
contract Register {
    EvidenceAnchor private immutable anchors;
    mapping(bytes32 entry => bool) public known;

    constructor(EvidenceAnchor anchors_) {
        anchors = anchors_;
    }

    function register(uint64 size, bytes calldata entry, uint64 index, bytes32[] calldata path)
        external
    {
        require(anchors.isEntryRecorded(size, entry, index, path), "not in the log");
        known[keccak256(entry)] = true;
    }
}

/// @notice Inclusion, against the recursive definition of RFC 9162 section 2.1.
contract RecordedTest {
    EvidenceAnchor private anchors;
    bytes32[] private leaves;

    function setUp() public {
        address[] memory me = new address[](1);
        me[0] = address(this);
        anchors = new EvidenceAnchor(bytes32(uint256(1)), me, 1);
    }

    function entryOf(uint256 seed, uint256 i) private pure returns (bytes memory) {
        return abi.encode(seed, i);
    }

    function grow(uint256 seed, uint256 size) private {
        for (uint256 i = 0; i < size; ++i) {
            leaves.push(sha256(abi.encodePacked(uint8(0), entryOf(seed, i))));
        }
        anchors.attest(uint64(size), rootOf(0, size), bytes32(seed));
    }

    function split(uint256 size) private pure returns (uint256 left) {
        for (left = 1; left * 2 < size; left *= 2) {}
    }

    function rootOf(uint256 start, uint256 size) private view returns (bytes32) {
        if (size == 1) return leaves[start];
        uint256 left = split(size);
        return
            sha256(
                abi.encodePacked(uint8(1), rootOf(start, left), rootOf(start + left, size - left))
            );
    }

    function pathOf(uint256 index, uint256 start, uint256 size)
        private
        view
        returns (bytes32[] memory path)
    {
        if (size == 1) return path;
        uint256 left = split(size);
        bool isLeft = index < left;
        bytes32[] memory below =
            isLeft ? pathOf(index, start, left) : pathOf(index - left, start + left, size - left);
        path = new bytes32[](below.length + 1);
        for (uint256 i = 0; i < below.length; ++i) {
            path[i] = below[i];
        }
        path[below.length] = isLeft ? rootOf(start + left, size - left) : rootOf(start, left);
    }

    function testFuzz_each_record_is_found_at_its_place(uint256 seed, uint8 size_, uint8 index_)
        public
    {
        uint256 size = 1 + size_ % 20;
        uint256 index = index_ % size;
        grow(seed, size);
        bytes32[] memory path = pathOf(index, 0, size);
        assert(anchors.isRecorded(uint64(size), leaves[index], uint64(index), path));
        Register register = new Register(anchors);
        register.register(uint64(size), entryOf(seed, index), uint64(index), path);
        assert(register.known(keccak256(entryOf(seed, index))));
    }

    function testFuzz_nothing_else_is(
        uint256 seed,
        uint8 size_,
        uint8 index_,
        uint64 otherSize,
        uint64 otherIndex,
        uint8 place,
        bytes32 noise
    ) public {
        uint256 size = 1 + size_ % 20;
        uint256 index = index_ % size;
        grow(seed, size);
        bytes32[] memory path = pathOf(index, 0, size);
        bytes32 leaf = leaves[index];
        vm.assume(noise != 0);
        assert(!anchors.isRecorded(uint64(size), leaf ^ noise, uint64(index), path));
        if (otherSize != size) {
            assert(!anchors.isRecorded(otherSize, leaf, uint64(index), path));
        }
        if (otherIndex != index) {
            assert(!anchors.isRecorded(uint64(size), leaf, otherIndex, path));
            assert(
                !anchors.isRecorded(
                    uint64(size),
                    leaf,
                    uint64(otherIndex % 24 == index ? index + 1 : otherIndex % 24),
                    path
                )
            );
        }
        if (path.length != 0) {
            path[place % path.length] ^= noise;
            assert(!anchors.isRecorded(uint64(size), leaf, uint64(index), path));
        }
    }
}
