// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {EvidenceAnchor} from "../src/EvidenceAnchor.sol";
import {svm, vm} from "./Vm.sol";

/// @notice For halmos: shown for every value that there is, not for some that were tried.
contract SymbolicTest {
    EvidenceAnchor private anchors;
    address private constant A = address(0x1001);
    address private constant B = address(0x2002);
    address private constant C = address(0x3003);

    function setUp() public {
        address[] memory three = new address[](3);
        (three[0], three[1], three[2]) = (A, B, C);
        anchors = new EvidenceAnchor(bytes32(uint256(1)), three, 2);
    }

    function held(uint64 size) private view returns (bytes32 pair, uint64 time, uint32 count) {
        bytes32 root;
        bytes32 digest;
        (root, digest, time, count) = anchors.anchorOf(size);
        pair = keccak256(abi.encode(root, digest));
    }

    function attest(address who, uint64 size, bytes32 root, bytes32 digest) private {
        vm.prank(who);
        anchors.attest(size, root, digest);
    }

    /// @notice Who is no member changes nothing, whatever is called with whatever.
    function check_stranger_changes_nothing(address who, uint64 size, address account) public {
        vm.assume(who != A && who != B && who != C);
        attest(A, 5, bytes32(uint256(2)), bytes32(uint256(3)));
        (bytes32 pair, uint64 time, uint32 count) = held(size);
        uint64 last = anchors.lastSizeOf(account);
        bytes memory data = svm.createCalldata("EvidenceAnchor");
        vm.prank(who);
        (bool done,) = address(anchors).call(data);
        done;
        (bytes32 pair_, uint64 time_, uint32 count_) = held(size);
        assert(pair == pair_ && time == time_ && count == count_);
        assert(anchors.lastSizeOf(account) == last && anchors.memberCount() == 3);
        assert(anchors.term() == 0 && anchors.threshold() == 2);
    }

    /// @notice What two of three confirmed, no attestation of anybody changes.
    function check_confirmed_stays(
        uint64 size,
        bytes32 root,
        bytes32 digest,
        address who,
        uint64 size_,
        bytes32 root_,
        bytes32 digest_
    ) public {
        vm.assume(size != 0);
        attest(A, size, root, digest);
        attest(B, size, root, digest);
        (bytes32 pair, uint64 time, uint32 count) = held(size);
        assert(time != 0 && count == 2);
        vm.warp(time + 1);
        vm.prank(who);
        try anchors.attest(size_, root_, digest_) {} catch {}
        (bytes32 pair2, uint64 time2, uint32 count2) = held(size);
        assert(pair2 == pair && time2 == time && count2 >= count);
    }

    /// @notice No second pair gets in beside the first while its member is one.
    function check_one_pair_a_size(
        uint64 size,
        bytes32 root,
        bytes32 digest,
        address who,
        bytes32 root_,
        bytes32 digest_
    ) public {
        vm.assume(size != 0 && (root != root_ || digest != digest_));
        attest(A, size, root, digest);
        vm.prank(who);
        try anchors.attest(size, root_, digest_) {
            assert(false);
        } catch {}
    }

    /// @notice An attestation that is taken and new has a size above all before of that member.
    function check_sizes_rise(uint64 first, uint64 second, bytes32 root, bytes32 root_) public {
        vm.assume(first != 0);
        attest(A, first, root, root);
        vm.prank(A);
        try anchors.attest(second, root_, root_) {
            assert(second > first || (second == first && root == root_));
        } catch {
            assert(second < first || (second == first && root != root_));
        }
    }

    /// @notice One attestation confirms nothing, however often it is repeated.
    function check_one_alone_confirms_nothing(
        address who,
        uint64 size,
        bytes32 root,
        bytes32 digest
    ) public {
        for (uint256 i = 0; i < 2; ++i) {
            vm.prank(who);
            try anchors.attest(size, root, digest) {} catch {}
        }
        (, uint64 time, uint32 count) = held(size);
        assert(time == 0 && count <= 1);
    }

    /// @notice One vote of three changes nothing, however often it is repeated.
    function check_one_vote_changes_nothing(
        address who,
        address admitted,
        address removed,
        uint256 threshold,
        uint64 until
    ) public {
        for (uint256 i = 0; i < 2; ++i) {
            vm.prank(who);
            try anchors.vote(0, admitted, removed, threshold, until) {} catch {}
        }
        assert(anchors.term() == 0 && anchors.memberCount() == 3 && anchors.threshold() == 2);
        assert(anchors.isMember(A) && anchors.isMember(B) && anchors.isMember(C));
    }

    /// @notice Whatever two vote for, there are members left who can decide.
    function check_a_change_leaves_members_who_can_decide(
        address admitted,
        address removed,
        uint256 threshold
    ) public {
        uint64 until = type(uint64).max;
        vm.prank(A);
        try anchors.vote(0, admitted, removed, threshold, until) {
            vm.prank(B);
            anchors.vote(0, admitted, removed, threshold, until);
            assert(anchors.term() == 1);
        } catch {}
        uint256 count = anchors.memberCount();
        assert(count >= 2 && count <= 4);
        assert(anchors.threshold() >= 1 && anchors.threshold() <= count);
        assert(removed == address(0) || anchors.term() == 0 || !anchors.isMember(removed));
        assert(admitted == address(0) || anchors.term() == 0 || anchors.isMember(admitted));
    }

    /// @notice A change of members or threshold alters nothing that was attested before it.
    function check_a_change_alters_no_anchor(
        address admitted,
        address removed,
        uint256 threshold,
        bool confirmed
    ) public {
        uint64 until = type(uint64).max;
        attest(A, 5, bytes32(uint256(2)), bytes32(uint256(3)));
        if (confirmed) attest(B, 5, bytes32(uint256(2)), bytes32(uint256(3)));
        (bytes32 pair, uint64 time, uint32 count) = held(5);
        assert(confirmed == (time != 0));
        vm.prank(A);
        anchors.vote(0, admitted, removed, threshold, until);
        vm.prank(B);
        anchors.vote(0, admitted, removed, threshold, until);
        (bytes32 pair_, uint64 time_, uint32 count_) = held(5);
        assert(pair_ == pair && time_ == time && count_ == count);
        assert(anchors.hasAttested(5, A) && anchors.hasAttested(5, B) == confirmed);
    }
}
