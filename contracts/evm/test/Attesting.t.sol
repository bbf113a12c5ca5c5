// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {EvidenceAnchor} from "../src/EvidenceAnchor.sol";
import {vm} from "./Vm.sol";

/// @notice The rules of attesting, with any sizes, roots, digests and accounts.
contract AttestingTest {
    EvidenceAnchor private anchors;
    address[] private people;

    function setUp() public {
        for (uint160 i = 1; i <= 4; ++i) {
            people.push(address(i * 0x1001));
        }
        anchors = new EvidenceAnchor(bytes32(uint256(1)), people, 3);
    }

    function attest(address who, uint64 size, bytes32 root, bytes32 digest) private {
        vm.prank(who);
        anchors.attest(size, root, digest);
    }

    function held(uint64 size) private view returns (bytes32) {
        (bytes32 root, bytes32 digest, uint64 confirmedAt, uint32 attestations) =
            anchors.anchorOf(size);
        return keccak256(abi.encode(root, digest, confirmedAt, attestations));
    }

    function testFuzz_three_of_four_confirm_once_and_for_ever(
        uint64 size,
        bytes32 root,
        bytes32 digest,
        uint32 time,
        uint8 first
    ) public {
        vm.assume(size != 0 && time != 0);
        for (uint256 i = 0; i < 4; ++i) {
            (,, uint64 before, uint32 count) = anchors.anchorOf(size);
            assert(count == i && (before != 0) == (i > 2));
            vm.warp(uint256(time) + i);
            attest(people[(first + i) % 4], size, root, digest);
        }
        (bytes32 root_, bytes32 digest_, uint64 confirmedAt, uint32 attestations) =
            anchors.anchorOf(size);
        assert(root_ == root && digest_ == digest);
        assert(confirmedAt == uint256(time) + 2 && attestations == 4);
    }

    function testFuzz_strangers_are_refused(address who, uint64 size, bytes32 root, bytes32 digest)
        public
    {
        vm.assume(!anchors.isMember(who));
        vm.expectRevert(abi.encodeWithSelector(EvidenceAnchor.NotMember.selector, who));
        attest(who, size, root, digest);
    }

    function testFuzz_sizes_of_a_member_rise(uint64 size, uint64 next, bytes32 root) public {
        vm.assume(size != 0 && next != size);
        attest(people[0], size, root, root);
        bool rises = next > size;
        if (!rises) {
            vm.expectRevert(abi.encodeWithSelector(EvidenceAnchor.NotRising.selector, next, size));
        }
        attest(people[0], next, root, root);
        assert(anchors.lastSizeOf(people[0]) == (rises ? next : size));
        assert(anchors.hasAttested(next, people[0]) == rises);
        // Nobody else is bound by it.
        attest(people[1], 1, root, root);
    }

    function testFuzz_the_same_again_does_nothing(
        uint64 size,
        bytes32 root,
        bytes32 digest,
        uint8 confirmers
    ) public {
        vm.assume(size != 0 && size != type(uint64).max);
        uint256 count = 1 + confirmers % 4;
        for (uint256 i = 0; i < count; ++i) {
            attest(people[i], size, root, digest);
        }
        attest(people[0], type(uint64).max, digest, root);
        bytes32 before = held(size);
        vm.warp(vm.getBlockTimestamp() + 1);
        for (uint256 i = 0; i < count; ++i) {
            attest(people[i], size, root, digest);
        }
        assert(held(size) == before);
    }

    function testFuzz_anything_else_is_a_conflict(
        uint64 size,
        bytes32 root,
        bytes32 digest,
        bytes32 otherRoot,
        bytes32 otherDigest,
        uint8 who,
        bool confirmed
    ) public {
        vm.assume(size != 0 && (root != otherRoot || digest != otherDigest));
        for (uint256 i = 0; i < (confirmed ? 3 : 1); ++i) {
            attest(people[i], size, root, digest);
        }
        bytes32 before = held(size);
        vm.expectRevert(
            abi.encodeWithSelector(EvidenceAnchor.Conflict.selector, size, root, digest)
        );
        attest(people[who % 4], size, otherRoot, otherDigest);
        assert(held(size) == before);
    }

    function testFuzz_members_are_counted_one_by_one(uint160[6] calldata numbers, uint8 threshold)
        public
    {
        address[] memory some = new address[](numbers.length);
        for (uint256 i = 0; i < some.length; ++i) {
            some[i] = address(numbers[i]);
            vm.assume(numbers[i] != 0);
            for (uint256 j = 0; j < i; ++j) {
                vm.assume(some[i] != some[j]);
            }
        }
        uint256 needed = 1 + threshold % some.length;
        EvidenceAnchor other = new EvidenceAnchor(bytes32(uint256(1)), some, needed);
        for (uint256 i = 0; i < some.length; ++i) {
            vm.prank(some[i]);
            other.attest(5, bytes32(uint256(2)), bytes32(uint256(3)));
            (,, uint64 confirmedAt, uint32 attestations) = other.anchorOf(5);
            assert(attestations == i + 1 && (confirmedAt != 0) == (i + 1 >= needed));
        }
    }
}
